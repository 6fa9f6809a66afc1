"""Margin."""

import numpy
import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import evidence_of
from canforget.metrics.margin import margin


def test_the_margin_moves_where_accuracy_is_zero() -> None:
    """A forget accuracy of 0 before and after rounding shows nothing come back."""
    before, after = ([[0, m, 0]] * 3 for m in (9, 2))
    one, two = (margin(evidence_of(z, [0] * 3, view="forget")).value for z in (before, after))
    assert one < two < 0


def test_a_ruled_out_class_has_no_margin() -> None:
    """A mean of -inf."""
    with pytest.raises(NotMeasurable):
        margin(evidence_of([[-numpy.inf, 0.0]], [0], view="forget"))
