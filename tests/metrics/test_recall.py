"""Recall of a view."""

import pytest

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.accuracy import accuracy
from canforget.metrics.recall import recall


def test_weighted_recall_is_accuracy_and_macro_recall_is_not() -> None:
    """A class of few images must count as much as one of many in the macro average."""
    evidence = evidence_of([[1, 0]] * 4, [0, 0, 0, 1])
    assert recall(evidence, average="weighted").value == accuracy(evidence).value
    assert recall(evidence).value == pytest.approx(0.5)
