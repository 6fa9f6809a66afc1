"""Total variation: where the images of a forgotten class go, compared with where retraining sends them."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.model_agreement import compared_with, redirection
from canforget.hyperparameters import Reference, View
from canforget.registry import component


@component(version=1)
def total_variation(evidence: Evidence, *, other: Reference = "retrained", view: View = "forget") -> Value:
    """Total variation between the subject's and the `other` model's mean distribution over retained classes on `view`, in [0, 1].

    0 is the same destinations; a relabelling method sends a class where retraining would not. Each image's probabilities are first
    made to sum to 1 over the retained classes. The interval over several retrained models is the band of one more; with one it is `None`.
    """
    return compared_with(evidence, other, view, redirection)
