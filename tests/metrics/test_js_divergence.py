"""Divergence from another model."""

from canforget.evaluation.evidence import Evidence
from canforget.metrics.js_divergence import js_divergence
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import present


def test_the_original_is_farther_from_retraining_than_the_unlearned_model() -> None:
    """A divergence taken per batch or summed over images has no such order."""
    evidence = example_evidence()
    original = Evidence(present(evidence.original), retrained=evidence.retrained, forgotten_classes=(0,))
    assert 0 < js_divergence(evidence).value < js_divergence(original).value < 1
