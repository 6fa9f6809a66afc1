"""Accuracy of a view."""

import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import evidence_of
from canforget.metrics.accuracy import accuracy
from tests.narrowed import interval_of


def test_the_interval_of_a_perfect_score_reaches_below_one() -> None:
    """A normal interval claims certainty from four images."""
    found = accuracy(evidence_of([[1, 0]] * 4, [0] * 4))
    assert (found.value, found.n) == (1.0, 4)
    assert 0.4 < interval_of(found)[0] < 0.6


def test_only_the_view_asked_for_counts() -> None:
    """The test set in place of a missing view."""
    with pytest.raises(NotMeasurable):
        accuracy(evidence_of([[1, 0]], [0]), view="forget")
