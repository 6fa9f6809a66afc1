"""Worst class: the accuracy on the retained class that fares worst."""

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Value, per_class, view_of
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1)
def worst_class_accuracy(evidence: Evidence, *, view: View = "test") -> Value:
    """Accuracy on the worst class of `view` that was not forgotten, in [0, 1]; higher is better.

    Shows what an average hides: unlearning one class often costs its nearest neighbor most. The interval is Wilson's for that class
    alone, and does not know that it was chosen as the worst.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> worst_class_accuracy(evidence_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])).value
    0.5
    """
    predictions = view_of(evidence.subject, view)
    kept = [value for c, value in per_class(predictions).items() if c not in evidence.forgotten_classes]
    if not kept:
        raise NotMeasurable(f"'{view}' holds no image of a retained class")
    return min(kept, key=lambda value: value.value)
