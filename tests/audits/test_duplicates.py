"""Copies planted among kept and test images are counted and named, and what is merely alike is not."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.audits.duplicates import duplicates
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Predictions
from canforget.rng import numpy_generator
from canforget.testing.metrics_and_audits import check_audit
from tests.narrowed import measured


def views(copies: int) -> Any:
    """Random features; the first `copies` forgotten images are in the retain set once more, and one in the test set."""
    rng = numpy_generator("duplicates")
    known: Any = None
    found: dict[str, Predictions] = {}
    for place, (name, n) in enumerate({"forget": 50, "retain": 400, "test": 200}.items()):
        features: Any = rng.normal(size=(n, 32)).astype(numpy.float16)
        if name != "forget":
            taken = copies if name == "retain" else min(copies, 1)
            features[:taken] = known[:taken]
        else:
            known = features
        labels = numpy.zeros(n, dtype=numpy.int64)
        found[name] = Predictions(numpy.zeros((n, 2), dtype=numpy.float32), labels, 1000 * place + numpy.arange(n), features)
    return found


def asked(copies: int) -> Any:
    return duplicates(Evidence({}, retrained=(views(copies),)), rng=numpy_generator("a")).values


def test_planted_copies_are_counted_and_listed() -> None:
    values = asked(3)
    assert measured(values["retain"]).value == 3
    assert 1 <= measured(values["test"]).value <= 3
    assert measured(values["retain"]).n == 50
    listed = [name for name in values if "~" in name]
    assert set(listed[:3]) == {f"retain_{i}~{1000 + i}" for i in range(3)}
    assert "test_0~2000" in listed
    assert [measured(values[name]).value for name in (*listed[:3], "test_0~2000")] == pytest.approx([1] * 4, abs=1e-3)


def test_without_copies_there_are_about_as_many_as_chance_has() -> None:
    values = asked(0)
    assert measured(values["retain"]).value <= 2
    assert measured(values["retain_expected"]).value == pytest.approx(0.25)


def test_without_features_nothing_is_said() -> None:
    bare = {name: replace(p, features=None) for name, p in views(0).items()}
    with pytest.raises(NotMeasurable, match="features"):
        duplicates(Evidence(bare, retrained=(bare | {"more": views(0)["test"]},)), rng=numpy_generator("a"))


def test_it_keeps_the_contract_of_audits() -> None:
    check_audit(duplicates)
