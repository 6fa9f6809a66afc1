"""Completeness: how much of the test set gets the answer that retraining would give."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.model_agreement import agreeing, compared_with
from canforget.registry import component


@component(paper="Cao and Yang 2015, https://doi.org/10.1109/SP.2015.35", version=1, needs=("retrained",))
def completeness(evidence: Evidence) -> Value:
    """Fraction of the test set classified as the retrained models classify it (mean over them), in [0, 1]; higher is better.

    Source: section 3.1. Two retrained models agree less than fully: their own agreement is the ceiling, not 1.
    """
    return compared_with(evidence, "retrained", "test", agreeing)
