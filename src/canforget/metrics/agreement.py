"""Agreement: how often two models give the same answer."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.model_agreement import agreeing, compared_with
from canforget.hyperparameters import Reference, View
from canforget.registry import component


@component(version=1)
def agreement(evidence: Evidence, *, other: Reference = "retrained", view: View = "test") -> Value:
    """Fraction of `view` to which the subject and the `other` model give the same class, in [0, 1]; mean over retrained models.

    Higher means nearer to that model, right or wrong. The interval over several retrained models is the band of one more; with one it
    is `None`. Compare with the agreement of retrained models among themselves, which is below 1.
    """
    return compared_with(evidence, other, view, agreeing)
