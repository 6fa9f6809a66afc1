"""The field's columns, computed by hand."""

from typing import Any

import numpy
import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.evaluation.membership_scores import taken_for_unseen
from canforget.evaluation.ua_ra_ta_mia import columns, gaps, unseen_view
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import present


def with_accuracies(forget: Any, retain: Any, test: Any) -> Any:
    """A model that is right on so many of ten images of each set."""
    return {
        name: predictions_of([[1, 0]] * right + [[0, 1]] * (10 - right), [0] * 10)
        for name, right in (("forget", forget), ("retain", retain), ("test", test), ("test_retain", test))
    }


def test_gaps_are_to_the_mean_of_the_retrained_models() -> None:
    """The mean of distances to each retrained model is another, larger number."""
    evidence = Evidence(with_accuracies(5, 9, 8), retrained=(with_accuracies(2, 10, 9), with_accuracies(4, 8, 9)))
    found = gaps(evidence)
    assert (found.unlearning, found.remaining, found.testing) == pytest.approx((0.2, 0.0, 0.1))
    assert found.membership is None


def test_forgotten_classes_are_left_out_of_the_test_set() -> None:
    """A method would be charged for forgetting what it was told to forget."""
    assert unseen_view(Evidence({}, forgotten_classes=(3,))) == "test_retain"
    assert unseen_view(Evidence({})) == "test"


def test_a_missing_set_is_the_reason() -> None:
    """An accuracy of a set that is not there."""
    with pytest.raises(NotMeasurable, match="retain"):
        columns({"forget": predictions_of([[0, 1]], [0])}, "test")


def test_the_machine_takes_memorized_images_for_members_and_unsure_ones_for_unseen() -> None:
    """Swapped labels turn MIA-efficacy into its complement."""
    rng = numpy.random.default_rng(0)

    def sure(margins: Any, first: Any = 0) -> Any:
        return predictions_of(
            numpy.stack([margins, numpy.zeros_like(margins)], axis=1), [0] * len(margins), numpy.arange(len(margins)) + first
        )

    views = {"retain": sure(rng.normal(5, 0.5, 200)), "test": sure(rng.normal(0, 0.5, 200))}
    assert taken_for_unseen(views | {"forget": sure(rng.normal(5, 0.5, 50))}, "test", 100) < 0.05
    assert taken_for_unseen(views | {"forget": sure(rng.normal(0, 0.5, 50))}, "test", 100) > 0.95


def test_the_example_is_nearer_to_retraining_than_the_original() -> None:
    """The made-up evidence of the contracts must be a case that makes sense."""
    evidence = example_evidence()
    original = Evidence(present(evidence.original), retrained=evidence.retrained, forgotten_classes=(0,))
    assert gaps(evidence).unlearning < gaps(original).unlearning
