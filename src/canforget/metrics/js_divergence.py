"""Jensen-Shannon divergence: how far two models' probabilities are apart."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.model_agreement import compared_with, model_divergences
from canforget.hyperparameters import Reference, View
from canforget.registry import component


@component(version=1)
def js_divergence(evidence: Evidence, *, other: Reference = "retrained", view: View = "forget") -> Value:
    """Mean divergence over `view` of the subject's probabilities from the `other` model's, in [0, 1] (units of ln 2); 0 is the same.

    The interval over several retrained models is the band of one more; with one it is `None`. Retrained models differ from one another too.
    """
    return compared_with(evidence, other, view, model_divergences)
