"""RA."""

import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import evidence_of
from canforget.metrics.remaining_accuracy import remaining_accuracy


def test_ra_is_of_the_retain_set() -> None:
    """The test set in its place shows another gap."""
    assert remaining_accuracy(evidence_of([[1, 0]] * 4, [0, 0, 0, 1], view="retain")).value == 0.75
    with pytest.raises(NotMeasurable):
        remaining_accuracy(evidence_of([[1, 0]], [0]))
