"""Curves of a record are those of its audits: the same images, the same areas, every image counted once."""

import json
from dataclasses import replace
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from canforget.audits.calibrated_membership import calibrated_membership
from canforget.audits.membership import membership
from canforget.evaluation.curves import curves, roc
from canforget.evaluation.evidence import Evidence, Value, predictions_of
from canforget.rng import numpy_generator
from tests.audits.test_calibrated_membership import N, case


def drawn(evidence: Evidence) -> Any:
    found = curves(evidence, "key")
    json.dumps(found, allow_nan=False)
    return found


def area(curve: Any) -> float:
    return float(numpy.trapezoid(curve["tpr"], curve["fpr"]))


def test_areas_are_those_that_the_audits_say() -> None:
    evidence = case(1.0)
    found = drawn(evidence)["roc"]
    for name, audit, value in (("matched", membership, "phi"), ("calibrated", calibrated_membership, "auc")):
        said = audit(evidence, rng=numpy_generator(f"key/{audit.__name__}")).values[value]
        assert isinstance(said, Value)
        assert area(found[name]) == pytest.approx(said.value, abs=0.01)


@settings(max_examples=30)
@given(st.lists(st.integers(-4, 4), min_size=3, max_size=30), st.lists(st.integers(-4, 4), min_size=3, max_size=30))
def test_every_point_is_the_best_that_so_many_false_alarms_allow(members: list[int], others: list[int]) -> None:
    """scikit-learn's curve, read as steps."""
    found = roc(numpy.array(members, float), numpy.array(others, float))
    labels = [1] * len(members) + [0] * len(others)
    fpr, tpr, _ = roc_curve(labels, [*members, *others], drop_intermediate=False)
    for rate, told in zip(found["fpr"], found["tpr"], strict=True):
        assert told == pytest.approx(tpr[fpr <= rate + 1e-4].max(), abs=1e-4)


def test_every_image_is_counted_once() -> None:
    found = drawn(case(1.0))["scores"]
    assert found["calibrated"] is True
    assert {name: sum(counts) for name, counts in found["counts"].items()} == {"forget": N, "unseen": N}
    assert all(len(counts) == len(found["edges"]) - 1 for counts in found["counts"].values())


def test_retained_images_are_shown_where_all_models_were_judged_on_them() -> None:
    def with_retain(views: Any, shift: int) -> Any:
        logit = float(views["forget"].logits[0, 0])
        return {**views, "retain": predictions_of([[logit, 0.0, 0.0]] * 5, [0] * 5, numpy.arange(5) + shift)}

    plain = case(1.0)
    alike = replace(plain, subject=with_retain(plain.subject, 0), retrained=tuple(with_retain(v, 0) for v in plain.retrained))
    other = replace(alike, subject=with_retain(plain.subject, 7))
    assert sum(drawn(alike)["scores"]["counts"]["retain"]) == 5
    assert "retain" not in drawn(other)["scores"]["counts"]


def test_without_retrained_models_scores_are_plain_and_say_so() -> None:
    assert drawn(case(1.0, retrained=()))["scores"]["calibrated"] is False


def test_what_cannot_be_drawn_says_why() -> None:
    found = drawn(Evidence({"test": predictions_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])}))
    assert found["per_class"] == {"classes": [0, 1], "accuracy": [1.0, 0.5], "n": [1, 2]}
    assert found["scores"] == {"not_run": "no predictions on 'forget'"}


@pytest.mark.parametrize("logit", [1e30, -1e30, 3e38])
def test_saturated_models_are_drawn_too(logit: float) -> None:
    """A diverged model is judged like any other, and its step must not fail."""
    plain = case(1.0)
    wild = {
        name: predictions_of(numpy.full((len(p), 3), logit) * numpy.eye(3)[p.labels], p.labels, p.ids) for name, p in plain.subject.items()
    }
    found = drawn(replace(plain, subject=wild))
    assert sum(found["scores"]["counts"]["forget"]) == N


def test_a_class_without_rivals_has_infinite_scores_and_is_still_counted() -> None:
    plain = case(1.0)
    logits = plain.subject["forget"].logits.copy()
    labels = plain.subject["forget"].labels
    logits[:5] = -numpy.inf
    logits[numpy.arange(5), labels[:5]] = 1.0
    subject = {**plain.subject, "forget": predictions_of(logits, labels)}
    found = drawn(replace(plain, subject=subject))
    assert sum(found["scores"]["counts"]["forget"]) == N
