"""Loss: the mean cross-entropy over the images of a set."""

from canforget.evaluation.evidence import Evidence, Value, finite_value, view_of
from canforget.evaluation.statistics import t_interval
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1)
def loss(evidence: Evidence, *, view: View = "test") -> Value:
    """Mean cross-entropy on `view` in nats, from 0 up; lower is better (on the forget set: as high as the retrained models').

    The mean is over images, never over batches. The interval is Student's over images at 95 %: it does not cover the training seed.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> round(loss(evidence_of([[0, 0], [0, 0]], [0, 1])).value, 4)
    0.6931
    """
    predictions = view_of(evidence.subject, view)
    mean = float(predictions.loss.mean())
    return finite_value(mean, t_interval(predictions.loss) if mean < float("inf") else None, len(predictions))
