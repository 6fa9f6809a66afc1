"""One model's answer is the verdict that a study of the same models gives."""

from typing import Any

import numpy

from canforget.cli.model_answer import judged_records, reference_records
from canforget.evaluation.evidence import Evidence, Predictions
from canforget.pipeline import values_of
from canforget.report.answer import Answer, answers
from canforget.report.record import Label, Record

LABEL = Label("digits", "tiny_cnn", "whole_class:classes=3", "scrub", "none", 0)
SIZES = {"forget": 60, "retain": 200, "val": 40, "test": 120, "test_forget": 20, "test_retain": 100}


def views(name: str, forgotten_accuracy: float) -> Any:
    """Predictions on every view, of a model that is right on all but forgotten images."""
    rng = numpy.random.default_rng(sum(map(ord, name)))
    found = {}
    for k, (view, n) in enumerate(SIZES.items()):
        labels = numpy.full(n, 3) if "forget" in view else numpy.arange(n) % 3
        right = rng.random(n) < (forgotten_accuracy if "forget" in view else 0.97)
        logits = rng.normal(size=(n, 4)).astype(numpy.float32)
        logits[numpy.arange(n), numpy.where(right, labels, (labels + 1) % 4)] += 6
        found[view] = Predictions(logits, labels, numpy.arange(n) + 1000 * k)
    return found


def evidence(subject: float) -> Evidence:
    retrained = tuple(views(f"retrained {k}", 0.0) for k in range(4))
    return Evidence(subject=views("subject", subject), original=views("original", 0.97), retrained=retrained, forgotten_classes=(3,))


def answer_for(given: Evidence) -> Answer:
    return answers(judged_records(Record(LABEL), given, values_of(given)))[0]


def test_a_model_that_still_knows_the_class_is_told_as_residual() -> None:
    found = answer_for(evidence(0.9))
    assert [s.word for s in found.statements] == ["residual"]
    assert "still remembers more than retrained models do" in found.statements[0].sentence


def test_without_retrained_models_nothing_is_claimed() -> None:
    alone = Evidence(subject=views("subject", 0.0), forgotten_classes=(3,))
    found = answer_for(alone)
    assert "no retrained model in this format" in found.statements[0].sentence


def test_a_retrained_model_is_compared_with_the_others_never_with_itself() -> None:
    """With itself among its references its gap would be too small."""
    records = reference_records(Record(LABEL), evidence(0.0))
    assert [r.case.unlearner for r in records] == ["nothing"] + ["retrain"] * 4
    assert all(r.values["average_gap"].n == 3 for r in records if r.case.unlearner == "retrain")
