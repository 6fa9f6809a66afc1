"""The confounded attack does what made it wrong."""

from typing import Any

import numpy
import pytest

from canforget.audits.legacy_membership import legacy_membership
from canforget.audits.membership import membership
from canforget.evaluation.evidence import Evidence, Predictions
from tests.narrowed import measured, present


def perfectly_forgotten(seed: int = 0) -> Evidence:
    """A model retrained without class 0 of ten: it gives every image of that class, seen or not, the same low logits."""
    rng = numpy.random.default_rng(seed)

    def predicted(labels: Any, first: Any = 0) -> Any:
        z = rng.normal(size=(len(labels), 10))
        z[numpy.arange(len(labels)), labels] += 6
        z[labels == 0, 0] = rng.normal(-8, 1, (labels == 0).sum())
        return Predictions(z.astype(numpy.float32), labels, numpy.arange(len(labels)) + first)

    test = predicted(numpy.repeat(numpy.arange(10), 100))
    views = {"forget": predicted(numpy.zeros(500, int)), "test": test, "test_forget": test.where(test.labels == 0)}
    return Evidence(views, forgotten_classes=(0,))


def test_perfect_forgetting_scores_095_for_ten_classes_and_a_half_when_asked_rightly() -> None:
    """The predecessor reports .940 for its retrained model, and reads it as membership."""
    evidence, rng = perfectly_forgotten(), numpy.random.default_rng(0)
    assert measured(legacy_membership(evidence, rng=rng).values["auc"]).value == pytest.approx(0.95, abs=0.005)
    assert measured(legacy_membership(evidence, rng=rng).values["auc_signed"]).value == pytest.approx(0.05, abs=0.005)
    assert measured(membership(evidence, rng=rng).values["phi"]).value == pytest.approx(0.5, abs=0.06)


def test_the_docstring_says_that_it_is_confounded() -> None:
    """A reader of a listing must not take it for the audit."""
    assert present(legacy_membership.__doc__).startswith("CONFOUNDED")
