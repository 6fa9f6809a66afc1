"""UA, unlearning accuracy: how much of the forget set is misclassified."""

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import wilson
from canforget.registry import component


@component(paper="Jia et al. 2023, https://arxiv.org/abs/2304.04934", version=1)
def unlearning_accuracy(evidence: Evidence) -> Value:
    """1 - accuracy on the forget set, in [0, 1]; best when equal to the retrained models', which is far from 1 for random samples.

    The interval is Wilson's at 95 % over images.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> unlearning_accuracy(evidence_of([[2, 1], [0, 3]], [1, 1], view="forget")).value
    0.5
    """
    predictions = view_of(evidence.subject, "forget")
    wrong = ~predictions.correct
    return Value(float(wrong.mean()), wilson(int(wrong.sum()), len(wrong)), len(wrong))
