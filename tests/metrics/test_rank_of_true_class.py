"""Rank of the label."""

import numpy
from scipy.stats import rankdata

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.rank_of_true_class import rank_of_true_class


def test_ranks_are_scipys_ties_included() -> None:
    """A constant model would rank every label first, and so look like the original."""
    z = numpy.random.default_rng(0).integers(0, 4, size=(20, 5)).astype(float)
    y = numpy.arange(20) % 5
    expected = [rankdata(-row)[label] for row, label in zip(z, y)]
    assert rank_of_true_class(evidence_of(z, y, view="forget")).value == numpy.mean(expected)
    assert rank_of_true_class(evidence_of([[0, 0, 0]], [1], view="forget")).value == 2
