"""Likeness of features to a reference."""

from dataclasses import replace

import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence
from canforget.metrics.linear_cka import linear_cka
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import present


def test_a_model_is_like_itself_and_less_like_others() -> None:
    """An output-only change (a masked head) leaves the features the original's: 1."""
    evidence = example_evidence()
    assert linear_cka(Evidence(present(evidence.original), evidence.original)).value == 1.0
    assert linear_cka(evidence, other="retrained", view="test").value < 0.95
    bare = {name: replace(p, features=None) for name, p in evidence.subject.items()}
    with pytest.raises(NotMeasurable):
        linear_cka(replace(evidence, subject=bare))
