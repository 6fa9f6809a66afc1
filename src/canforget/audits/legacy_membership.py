"""Legacy membership inference: the confounded attack of the predecessor, kept so that its figures can be explained."""

import numpy

from canforget.evaluation.evidence import Audit, Evidence, Value, view_of
from canforget.evaluation.membership_scores import negative_loss
from canforget.evaluation.statistics import delong
from canforget.registry import component


@component(version=1)
def legacy_membership(evidence: Evidence, *, rng: numpy.random.Generator) -> Audit:
    """CONFOUNDED: AUC of the losses on the forget set against those on test images of *all* classes, in [.5, 1], whichever way it points.

    When a class is forgotten this detects the class, not membership: a model retrained without it gives every one of its images a high
    loss and scores near 1 - 1/(2K) of K classes, .95 for ten. It punishes perfect forgetting. `membership` asks the question rightly.
    `auc_signed` is the AUC with low loss as membership.
    """
    forget, test = view_of(evidence.subject, "forget"), view_of(evidence.subject, "test")
    score = negative_loss(forget)
    signed, turned = delong(score, negative_loss(test)), delong(-score, -negative_loss(test))
    best, n = max(signed, turned, key=lambda d: d.auc), len(forget) + len(test)
    values = {"auc": Value(best.auc, best.interval(), n), "auc_signed": Value(signed.auc, signed.interval(), n)}
    return Audit(values, {"loss": score}, {"loss": forget.ids})
