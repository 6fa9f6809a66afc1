"""Two models on the same images."""

import numpy
import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.evaluation.model_agreement import agreeing, compared_with, destinations, model_divergences, redirection
from canforget.evaluation.statistics import prediction_interval

RETAINED = numpy.array([1, 2])


def test_agreement_counts_equal_answers_right_or_wrong() -> None:
    """Agreement on correct answers alone is an accuracy."""
    one, two = predictions_of([[0, 1, 0], [1, 0, 0]], [0, 0]), predictions_of([[0, 9, 0], [0, 0, 1]], [0, 0])
    assert agreeing(one, two, RETAINED) == 0.5


def test_destinations_are_of_the_retained_classes_alone() -> None:
    """Else a model that gives the forgotten class no probability differs from one that gives it some, wherever the rest goes."""
    one, two = predictions_of([[9, 1, 0]], [0]), predictions_of([[-9, 1, 0]], [0])
    assert redirection(one, two, RETAINED) == pytest.approx(0)
    assert destinations(one, RETAINED).sum() == pytest.approx(1)
    assert redirection(predictions_of([[0, 99, 0]], [0]), predictions_of([[0, 0, 99]], [0]), RETAINED) == pytest.approx(1)


def test_divergence_is_one_between_certain_opposites() -> None:
    """Nats in place of bits would stop at .69."""
    assert model_divergences(predictions_of([[99, 0]], [0]), predictions_of([[0, 99]], [0]), RETAINED) == pytest.approx(1)


def test_several_retrained_models_give_a_mean_and_the_band_of_one_more() -> None:
    """The interval must be over models, not images."""
    subject = predictions_of([[1, 0]] * 4, [0] * 4)
    retrained = [{"test": predictions_of([[1, 0]] * k + [[0, 1]] * (4 - k), [0] * 4)} for k in (1, 2, 3)]
    found = compared_with(Evidence({"test": subject}, retrained=tuple(retrained)), "retrained", "test", agreeing)
    assert (found.value, found.n) == (0.5, 3)
    assert found.interval == prediction_interval([0.25, 0.5, 0.75])


def test_other_images_are_refused() -> None:
    """Rows of two orders would be compared without a word."""
    one, two = predictions_of([[0, 1]], [0], [3]), predictions_of([[0, 1.5]], [0], [4])
    with pytest.raises(NotMeasurable, match="other images"):
        compared_with(Evidence({"test": one}, {"test": two}), "original", "test", agreeing)
