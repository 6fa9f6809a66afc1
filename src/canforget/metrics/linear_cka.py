"""Linear CKA: how alike two models' features are."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.feature_probes import features_of, linear_alignment
from canforget.evaluation.model_agreement import compared_with
from canforget.hyperparameters import Reference, View
from canforget.registry import component


@component(paper="Kornblith et al. 2019, https://arxiv.org/abs/1905.00414", version=1)
def linear_cka(evidence: Evidence, *, other: Reference = "original", view: View = "forget") -> Value:
    """Linear centered kernel alignment of the features on `view` with the `other` model's, in [0, 1]; 1 is the same but for rotation.

    An unlearned model is usually nearer to the original than to retraining; retrained models among themselves say what is near.
    Limits: biased upward where `view` has few images for the width of the features. The interval is as in `agreement`.
    """
    return compared_with(evidence, other, view, lambda one, two, _: linear_alignment(one, two), look=features_of)
