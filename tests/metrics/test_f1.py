"""F1 of a view."""

import pytest

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.f1 import f1
from tests.narrowed import interval_of


def test_f1_is_averaged_after_the_harmonic_mean() -> None:
    """The harmonic mean of averaged precision and recall is another number (.43 here)."""
    evidence = evidence_of([[1, 0]] * 4, [0, 0, 0, 1])
    assert f1(evidence).value == pytest.approx((6 / 7) / 2)
    low, high = interval_of(f1(evidence))
    assert 0 <= low <= f1(evidence).value <= high <= 1
