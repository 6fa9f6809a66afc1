"""Calibrated membership: can the forget set be told from unseen images, when what is hard for every model is taken off?"""

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.calibrated import ExcessArea, both_versions, calibrated, told
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, attempt, references_of
from canforget.evaluation.matched_sets import MatchedSets, matched_sets, same_images, unmatched_sets
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import Floats, delong
from canforget.hyperparameters import Parts
from canforget.registry import component


@component(paper="Watson et al. 2022, https://arxiv.org/abs/2111.08440", version=2, needs=("retrained",))
def calibrated_membership(evidence: Evidence, *, rng: numpy.random.Generator, false_alarms: Parts = (0.01,)) -> Audit:
    """AUC of the forget set against matched unseen images by φ* = φ - mean φ of the retrained models, with DeLong's 95 % interval.

    φ is the log-odds of the label. The retrained models are in the subject's format, and never the subject itself. .5 is nothing to
    tell, above .5 the forget set still looks trained on, below .5 it looks less known than images never seen. `tpr_at_fpr_0.01` is the
    share of the forget set told at so few false alarms, its interval over both sets. `both_versions_auc` is of an attacker who kept the
    original: AUC of φ_o - φ_u; `both_versions_excess` what it is beyond that of each of at least three retrained models in the subject's
    place, with the band of one more, for an exact method leaks here as well.

    Limits: difficulty-calibrated, not exact, for test images and forget set can differ by themselves; where coins were tossed the images
    tossed out stand alone for the unseen ones, and are exchangeable with the forget set (`coin_flips` needs no other model).
    """
    references_of(evidence)
    models = matched_sets(evidence, rng)
    (members, others), *retrained = [log_odds_of(m) for m in models]
    own = calibrated(numpy.concatenate([members, others]), [numpy.concatenate(g) for g in retrained])
    split = len(members)
    rank = delong(own[:split], own[split:])
    values: dict[str, Value | NotRun] = {"auc": Value(rank.auc, rank.interval(), len(own))}
    for fraction in false_alarms:
        values[f"tpr_at_fpr_{fraction:g}"] = attempt(told, own[:split], own[split:], fraction, rng)
    kept = attempt(with_the_original, evidence, models, retrained)
    if isinstance(kept, NotRun):
        return audit_of(values | {"both_versions_auc": kept, "both_versions_excess": kept}, own[:split], models[0])
    band = kept.excess.interval()
    values["both_versions_auc"] = Value(kept.auc, n=len(own))
    values["both_versions_excess"] = Value(kept.excess.estimate, band, len(kept.retrained))
    return audit_of(values, own[:split], models[0])


def audit_of(values: dict[str, Value | NotRun], scores: Floats, subject: MatchedSets) -> Audit:
    """The values with the score of every forgotten image."""
    return Audit(values, {"phi": scores}, {"phi": subject.forget.ids})


Pair = tuple[Floats, Floats]


def log_odds_of(model: MatchedSets) -> Pair:
    """φ of a model's members and of its matched non-members."""
    return log_odds(model.forget), log_odds(model.unseen)


def with_the_original(evidence: Evidence, models: list[MatchedSets], retrained: list[Pair]) -> ExcessArea:
    """What an attacker who kept the original model finds; raises `NotMeasurable` without an original on the same images."""
    if evidence.original is None:
        raise NotMeasurable("both versions: needs the original model")
    subject, original = models[0], unmatched_sets(evidence.original, evidence.coins)
    places = numpy.isin(original.unseen.ids, subject.unseen.ids)
    before = MatchedSets(original.forget, original.unseen.where(places))
    if not same_images(before, subject):
        raise NotMeasurable("both versions: the original was judged on other images than the subject")
    stacked = numpy.stack([m for m, _ in retrained]), numpy.stack([o for _, o in retrained])
    return both_versions(log_odds_of(before), log_odds_of(subject), stacked)
