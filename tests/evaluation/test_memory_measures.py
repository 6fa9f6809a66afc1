"""Measures go up with memory, and know their error."""

from typing import Any

import numpy
import pytest

from canforget.errors import NotMeasurable, SpecError
from canforget.evaluation.evidence import predictions_of
from canforget.evaluation.memory_measures import MEASURES, covariance, memory
from canforget.evaluation.statistics import auc
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import present


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_higher_for_the_original(measure: Any) -> None:
    """A loss or a rank the other way round would call recovery forgetting."""
    evidence = example_evidence()
    remembered, forgotten = (memory(v, measure, "forget", None).value for v in (present(evidence.original), evidence.retrained[0]))
    assert remembered > forgotten


def test_auc_is_taken_on_the_chosen_unseen_images() -> None:
    """All unseen images in their place undo the matching of classes."""
    views = {"forget": predictions_of([[3, 0], [1, 0]], [0, 0]), "test_forget": predictions_of([[2, 0], [9, 0], [0, 0]], [0, 0, 0])}
    assert memory(views, "auc", "forget", numpy.array([0, 2])).value == auc([3, 1], [2, 0])


def test_models_that_err_on_the_same_images_differ_with_little_error() -> None:
    """Adding variances of paired values hides every rebound."""
    evidence = example_evidence()
    one = memory(evidence.subject, "margin", "forget", None)
    assert covariance(one.minus([one]), one.minus([one])) == 0
    assert covariance(one, one) == pytest.approx(one.parts[0].var(ddof=1) / 60)


def test_an_unknown_measure_is_named_with_the_nearest() -> None:
    """A typing mistake must not fall back to accuracy."""
    with pytest.raises(SpecError, match="did you mean 'margin'"):
        memory({}, "margins", "forget", None)


def test_a_ruled_out_class_has_no_mean_margin() -> None:
    """-inf less -inf is NaN."""
    with pytest.raises(NotMeasurable):
        memory({"forget": predictions_of([[-numpy.inf, 0.0]], [0])}, "margin", "forget", None)
