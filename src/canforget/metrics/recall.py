"""Recall: how much of each class is found."""

from typing import Literal

from canforget.evaluation.confusion import averaged_value, recalls
from canforget.evaluation.evidence import Evidence, Value
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=2)
def recall(evidence: Evidence, *, view: View = "test", average: Literal["macro", "weighted"] = "macro") -> Value:
    """Recall averaged over classes (weighted: the accuracy) on `view`, in [0, 1]; higher is better.

    `average`: "macro" counts every class that occurs or is predicted equally, "weighted" by its images. A class never predicted counts 0.
    The interval is a 95 % bootstrap over images; it does not cover the training seed.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> recall(evidence_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])).value
    0.75
    """
    return averaged_value(evidence, view, recalls, average)
