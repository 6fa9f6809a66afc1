"""ZRF, zero retrain forgetting: how much like a model that knows nothing the subject treats the forget set."""

import numpy

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import jensen_shannon, t_interval
from canforget.hyperparameters import View
from canforget.registry import component


@component(paper="Chundawat et al. 2023, https://arxiv.org/abs/2205.08096", version=1)
def zrf(evidence: Evidence, *, view: View = "forget") -> Value:
    """1 - mean Jensen-Shannon divergence (in units of ln 2) from an ignorant model, in [0, 1]; compare with the retrained models'.

    Source: equation 7. Deviation: the ignorant model is uniform over the classes, as a freshly initialized network is on average.
    A value near 1 is *not* the aim: retraining answers with some confidence. The interval is Student's over images at 95 %.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> zrf(evidence_of([[0, 0]], [0], view="forget")).value
    1.0
    """
    predictions = view_of(evidence.subject, view)
    uniform = numpy.full(predictions.logits.shape[1], 1 / predictions.logits.shape[1])
    likeness = 1 - jensen_shannon(numpy.exp(predictions.log_probabilities), uniform)
    return Value(float(likeness.mean()), t_interval(likeness), len(predictions))
