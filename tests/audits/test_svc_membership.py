"""SalUn's machine, and the same machine asked the right question."""

import numpy
import pytest

from canforget.audits.svc_membership import svc_membership
from canforget.evaluation.evidence import Evidence, NotRun, Predictions
from canforget.testing.metrics_and_audits import example_evidence
from tests.audits.test_legacy_membership import perfectly_forgotten
from tests.narrowed import measured


def test_efficacy_says_all_is_well_while_the_matched_machine_sees_nothing_either_way() -> None:
    """A forgotten class has efficacy near 1 without any statement about membership."""
    views = dict(perfectly_forgotten().subject)
    views["test_retain"] = views["test"].where(views["test"].labels != 0)
    confident = views["test_retain"].logits + 4 * numpy.eye(10, dtype=numpy.float32)[views["test_retain"].labels]
    views["retain"] = Predictions(confident, views["test_retain"].labels, views["test_retain"].ids)
    found = svc_membership(Evidence(views, forgotten_classes=(0,)), rng=numpy.random.default_rng(0)).values
    assert measured(found["efficacy"]).value > 0.95
    assert measured(found["matched_accuracy"]).value == pytest.approx(0.5, abs=0.1)
    assert isinstance(found["efficacy_excess"], NotRun)


def test_memorized_images_are_told_by_the_matched_machine() -> None:
    """Training and scoring on the same images would find members in noise, too."""
    rng = numpy.random.default_rng(0)
    views = {}
    for name, strength in (("forget", 5.0), ("test_forget", 0.0)):
        z = numpy.stack([rng.normal(strength, 0.5, 80), numpy.zeros(80)], axis=1)
        views[name] = Predictions(z.astype(numpy.float32), numpy.zeros(80, int), numpy.arange(80))
    found = svc_membership(Evidence(views), rng=rng).values
    assert measured(found["matched_accuracy"]).value > 0.95
    assert isinstance(found["efficacy"], NotRun) and "retain" in found["efficacy"].reason


def test_the_excess_is_signed() -> None:
    """Less than retraining and more than retraining are opposite faults."""
    evidence = example_evidence()
    found = svc_membership(evidence, rng=numpy.random.default_rng(0)).values
    flipped = Evidence(evidence.retrained[0], retrained=(evidence.subject,), forgotten_classes=(0,))
    assert measured(found["efficacy_excess"]).n == 3
    assert numpy.sign(measured(svc_membership(flipped, rng=numpy.random.default_rng(0)).values["efficacy_excess"]).value) == -numpy.sign(
        measured(found["efficacy_excess"]).value
    )
