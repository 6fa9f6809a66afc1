"""Shared neighborhoods with a reference."""

import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence
from canforget.metrics.knn_overlap import knn_overlap
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import present


def test_a_model_shares_all_its_neighborhoods_with_itself_and_some_with_others() -> None:
    """Counting an image as its own neighbor gives a floor above 0."""
    evidence = example_evidence()
    assert knn_overlap(Evidence(present(evidence.original), evidence.original)).value == 1.0
    assert 0.1 < knn_overlap(evidence, other="retrained", view="test").value < 0.9
    with pytest.raises(NotMeasurable, match="more than 500"):
        knn_overlap(evidence, neighbors=500)
