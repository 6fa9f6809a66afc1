"""Precision: how much of what is called a class belongs to it."""

from typing import Literal

from canforget.evaluation.confusion import averaged_value, precisions
from canforget.evaluation.evidence import Evidence, Value
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=2)
def precision(evidence: Evidence, *, view: View = "test", average: Literal["macro", "weighted"] = "macro") -> Value:
    """Precision averaged over classes on `view`, in [0, 1]; higher is better.

    `average`: "macro" counts every class that occurs or is predicted equally, "weighted" by its images. A class never predicted counts 0.
    The interval is a 95 % bootstrap over images; it does not cover the training seed.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> precision(evidence_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])).value
    0.75
    """
    return averaged_value(evidence, view, precisions, average)
