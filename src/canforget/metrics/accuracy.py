"""Accuracy: how much of a set is classified as labelled."""

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import wilson
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1)
def accuracy(evidence: Evidence, *, view: View = "test") -> Value:
    """Fraction of `view` classified as labelled, in [0, 1]; higher is better (on the forget set: as low as the retrained models').

    The interval is Wilson's at 95 %: it covers the choice of images, not the choice of the training seed.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> accuracy(evidence_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])).value
    0.6666666666666666
    """
    predictions = view_of(evidence.subject, view)
    return Value(float(predictions.correct.mean()), wilson(int(predictions.correct.sum()), len(predictions)), len(predictions))
