"""Neighborhoods: how many nearest images two models' features have in common."""

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.feature_probes import features_of, shared_neighbors
from canforget.evaluation.model_agreement import compared_with
from canforget.hyperparameters import Count, Reference, Sample, View
from canforget.registry import component


@component(version=1)
def knn_overlap(
    evidence: Evidence,
    *,
    other: Reference = "original",
    view: View = "forget",
    neighbors: Count = 10,
    images: Sample = 1000,
) -> Value:
    """Mean share in [0, 1] of an image's nearest `neighbors` in `view` (cosine, among at most `images`) shared with the `other` model.

    Sees local structure that linear CKA averages away. Compare with retrained models among themselves. The interval is as in `agreement`.
    """
    if len(evidence.subject.get(view, ())) <= neighbors:
        raise NotMeasurable(f"'{view}' needs more than {neighbors} images")
    return compared_with(evidence, other, view, lambda one, two, _: shared_neighbors(one, two, neighbors, images), look=features_of)
