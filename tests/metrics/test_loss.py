"""Loss of a view."""

import numpy
import pytest
from scipy import stats

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import evidence_of
from canforget.metrics.loss import loss


def test_the_mean_is_over_images_with_students_interval() -> None:
    """A mean over batches weighs the images of the last, smaller batch more."""
    logits = numpy.random.default_rng(0).normal(size=(30, 3))
    each = -numpy.log(numpy.exp(logits[:, 1]) / numpy.exp(logits).sum(axis=1))
    found = loss(evidence_of(logits, [1] * 30))
    assert found.value == pytest.approx(each.mean(), rel=1e-6)
    assert found.interval == pytest.approx(stats.t.interval(0.95, 29, loc=each.mean(), scale=stats.sem(each)), rel=1e-5)


def test_a_ruled_out_class_has_no_mean_loss() -> None:
    """Infinity is not JSON, and the mean of the rest would hide it."""
    with pytest.raises(NotMeasurable, match="infinite"):
        loss(evidence_of([[-numpy.inf, 0.0], [0.0, 1.0]], [0, 1]))
