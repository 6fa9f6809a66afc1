"""Completeness."""

import pytest

from canforget.metrics.completeness import completeness
from canforget.testing.metrics_and_audits import example_evidence


def test_completeness_is_a_mean_over_retrained_models_counted_by_hand() -> None:
    """Agreement with the labels in its place is an accuracy."""
    evidence = example_evidence()
    answers = evidence.subject["test"].logits.argmax(axis=1)
    shares = [(answers == g["test"].logits.argmax(axis=1)).mean() for g in evidence.retrained]
    assert completeness(evidence).value == pytest.approx(sum(shares) / 3)
