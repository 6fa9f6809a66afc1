"""TA, testing accuracy: how well unseen images of what is kept are classified."""

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import wilson
from canforget.evaluation.ua_ra_ta_mia import unseen_view
from canforget.registry import component


@component(paper="Jia et al. 2023, https://arxiv.org/abs/2304.04934", version=1)
def testing_accuracy(evidence: Evidence) -> Value:
    """Accuracy in [0, 1] on the test set, without the images of forgotten classes when whole classes are forgotten; higher is better.

    Source: the authors' code drops the forgotten class from the test set; so does the view `test_retain` taken here. For random samples
    it is the whole test set. The interval is Wilson's at 95 % over images.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> testing_accuracy(evidence_of([[2, 1], [0, 3]], [0, 1])).value
    1.0
    """
    predictions = view_of(evidence.subject, unseen_view(evidence))
    return Value(float(predictions.correct.mean()), wilson(int(predictions.correct.sum()), len(predictions)), len(predictions))
