"""Rank of the true class: where the label stands among the classes by their logits."""

import numpy

from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.statistics import t_interval
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1)
def rank_of_true_class(evidence: Evidence, *, view: View = "forget") -> Value:
    """Mean rank of the labelled class on `view`, from 1 (the answer) to the number of classes; ties share their mean rank.

    Sees a class that is never answered but always second. Compare with the retrained models'. The interval is Student's over images.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> rank_of_true_class(evidence_of([[2, 1, 0], [3, 1, 0]], [0, 1], view="forget")).value
    1.5
    """
    predictions = view_of(evidence.subject, view)
    own = predictions.logits[numpy.arange(len(predictions)), predictions.labels][:, None]
    ranks = 0.5 + (predictions.logits > own).sum(axis=1) + (predictions.logits == own).sum(axis=1) / 2
    return Value(float(ranks.mean()), t_interval(ranks), len(predictions))
