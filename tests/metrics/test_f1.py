"""F1 of a view."""

import pytest

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.f1 import f1


def test_f1_is_averaged_after_the_harmonic_mean():
    """The harmonic mean of averaged precision and recall is another number (.43 here)."""
    evidence = evidence_of([[1, 0]] * 4, [0, 0, 0, 1])
    assert f1(evidence).value == pytest.approx((6 / 7) / 2)
    low, high = f1(evidence).interval
    assert 0 <= low <= f1(evidence).value <= high <= 1
