"""Views that are missing, empty or broken say so; the rest are plain arrays."""

from typing import Any

import numpy
import pytest
from scipy.special import log_softmax

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import Evidence, Predictions, joined, per_class, predictions_of, references_of, view_of
from tests.narrowed import present


def test_losses_are_those_of_scipy_even_where_float32_saturates() -> None:
    """A float32 softmax gives p_y = 1 and a loss of 0 for logits 30 apart."""
    p = predictions_of([[30, 0, 0], [0, 30, 1], [1, 2, 3]], [0, 0, 2])
    expected = -log_softmax(p.logits.astype(numpy.float64), axis=1)[[0, 1, 2], p.labels]
    numpy.testing.assert_allclose(p.loss, expected, rtol=1e-9)
    assert 0 < p.loss[0] < 1e-12


def test_counts_that_differ_are_refused() -> None:
    """Labels of another subset would be judged without a word."""
    with pytest.raises(DataError, match="2 logits, 1 labels"):
        Predictions(numpy.zeros((2, 3), numpy.float32), numpy.zeros(1, numpy.int64), numpy.zeros(2, numpy.int64))


@pytest.mark.parametrize(
    ("logits", "reason"),
    [
        ([[numpy.nan, 1]], "1 of 1"),
        ([[numpy.inf, 1]], "diverged"),
        ([[-numpy.inf, -numpy.inf]], "diverged"),
        (numpy.zeros((0, 2)), "empty"),
    ],
)
def test_a_view_that_cannot_be_judged_gives_its_reason(logits: Any, reason: Any) -> None:
    """NaN logits have an argmax, and so an accuracy."""
    with pytest.raises(NotMeasurable, match=reason):
        view_of({"test": predictions_of(logits, [0] * len(logits))}, "test")
    with pytest.raises(NotMeasurable, match="no predictions on 'val'"):
        view_of({}, "val")


def test_a_class_ruled_out_by_the_head_is_still_judged() -> None:
    """Masking the head's bias to -inf is a control, not a broken model."""
    assert isinstance(view_of({"test": predictions_of([[-numpy.inf, 1]], [0])}, "test"), Predictions)


def test_a_retrained_model_is_never_its_own_reference() -> None:
    """Judged against a mean that contains itself, a retrained model is too near to it, and with one seed at distance 0."""
    one, two = ({"test": predictions_of([[0, k]], [0])} for k in (1, 2))
    again = {"test": predictions_of([[0, 1]], [0])}
    assert Evidence(one, retrained=(again, two)).references == (two,)
    with pytest.raises(NotMeasurable, match="add seeds"):
        references_of(Evidence(one, retrained=(again,)))
    with pytest.raises(NotMeasurable, match="needs retrained"):
        references_of(Evidence(one))


def test_joining_keeps_features_only_where_all_have_them() -> None:
    """Features of the first part alone would be matched with the images of both."""
    p = predictions_of([[0, 1]], [0])
    with_features = Predictions(p.logits, p.labels, p.ids, numpy.ones((1, 3), numpy.float16))
    assert joined(with_features, p).features is None
    assert present(joined(with_features, with_features).features).shape == (2, 3)


def test_per_class_accuracies_average_to_the_accuracy() -> None:
    """A class without images must be left out, not be 0."""
    p = predictions_of([[2, 1, 0], [0, 3, 0], [5, 4, 0], [0, 2, 1]], [0, 1, 1, 1])
    found = per_class(p)
    assert sorted(found) == [0, 1]
    assert sum(v.value * present(v.n) for v in found.values()) / 4 == p.correct.mean()
