"""RA, remaining accuracy: how well the retain set is still classified."""

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import wilson
from canforget.registry import component


@component(paper="Jia et al. 2023, https://arxiv.org/abs/2304.04934", version=1)
def remaining_accuracy(evidence: Evidence) -> Value:
    """Accuracy on the retain set, in [0, 1]; higher is better, and best when equal to the retrained models'.

    The interval is Wilson's at 95 % over images.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> remaining_accuracy(evidence_of([[2, 1], [0, 3]], [1, 1], view="retain")).value
    0.5
    """
    predictions = view_of(evidence.subject, "retain")
    return Value(float(predictions.correct.mean()), wilson(int(predictions.correct.sum()), len(predictions)), len(predictions))
