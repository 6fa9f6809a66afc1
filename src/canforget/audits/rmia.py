"""RMIA: is an image likelier under this model, beside other models, than unseen images are?"""

from dataclasses import dataclass

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.calibrated import true_positive_rate
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, attempt, references_of
from canforget.evaluation.matched_sets import MatchedSets, matched_sets
from canforget.evaluation.membership_scores import confidence
from canforget.evaluation.moderated import one_against_band, paired_image_error
from canforget.evaluation.statistics import Delong, Floats, delong
from canforget.hyperparameters import FewReferences, Part, Parts, Positive
from canforget.registry import component


@component(paper="Zarifzadeh et al. 2024, https://arxiv.org/abs/2312.03262", version=1, needs=("retrained",))
def rmia(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    references: FewReferences = 4,
    a: Part = 0.3,
    gamma: Positive = 1.0,
    false_alarms: Parts = (0.01,),
) -> Audit:
    """AUC of the forget set against matched unseen images by relative likelihood, with DeLong's 95 % interval; from 1 to 4 retrained models.

    An image's score is the share of unseen images z (itself left out) with [p(x) / p̄(x)] / [p(z) / p̄(z)] at least `gamma`, p being the
    probability of the label and p̄ = ½ [(1 + a) p_out + 1 - a] what models with and without the image would give it, from the mean p_out
    of at most `references` retrained models in the subject's format, never the subject itself. .5 is nothing to tell, above .5 the forget set
    still looks trained on. `tpr_at_fpr_0.01` is the share of the forget set told at so few false alarms, its interval over both sets; `excess`
    the AUC beyond that of each of at least three retrained models judged by the others, with the band of one more.

    Source: the offline attack of the paper, written from its description, and compared with the authors' code (ML Privacy Meter, modules/mia): the
    same p̄ for x and z, `a` .3 and `gamma` 1 on plain softmax, as here. Their runs for the paper (research/2024_rmia) have `gamma` 2, `a` .3 for
    CIFAR-10 and .6 for CIFAR-100, on a softened Taylor softmax of 18 augmented queries.
    Deviations: a tie counts as reached; no augmented queries; matched unseen images are both population and non-members. Limits: .5 in expectation for retraining only where forget set and unseen images are alike.
    """
    references_of(evidence)
    sets = matched_sets(evidence, rng)
    models = [labels_likelihood(m) for m in sets]
    ranks = [relative_rank(models, k, references, a, gamma) for k in range(len(models) if len(models) > 3 else 1)]
    own = ranks[0]
    images = len(own.members) + len(own.others)
    values: dict[str, Value | NotRun] = {"auc": Value(own.rank.auc, own.rank.interval(), images)}
    for fraction in false_alarms:
        values[f"tpr_at_fpr_{fraction:g}"] = attempt(rate, own, fraction, rng)
    values["excess"] = attempt(rmia_excess, [r.rank for r in ranks])
    return Audit(values, {"rmia": own.members}, {"rmia": sets[0].forget.ids})


Likelihoods = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class RelativeRank:
    """Scores of members and others in [0, 1], and how they rank."""

    members: Floats
    others: Floats
    rank: Delong


def labels_likelihood(model: MatchedSets) -> Likelihoods:
    """The probability of the label of a model's members and of its matched non-members."""
    return confidence(model.forget), confidence(model.unseen)


def relative_rank(models: list[Likelihoods], judged: int, references: int, a: float, gamma: float) -> RelativeRank:
    """The scores of one of `models` (the subject first, then retrained ones) beside the first `references` retrained others."""
    beside = [m for k, m in enumerate(models) if k not in (0, judged)][:references]
    ratios = [relative_likelihood(models[judged][side], [m[side] for m in beside], a) for side in (0, 1)]
    members, others = scores_among(ratios[0], ratios[1], gamma), scores_among(ratios[1], ratios[1], gamma, own=True)
    return RelativeRank(members, others, delong(members, others))


def relative_likelihood(own: Floats, beside: list[Floats], a: float) -> Floats:
    """p(x) / p̄(x) [n], from a model's likelihoods and those of models without the images.

    >>> relative_likelihood(numpy.array([0.75]), [numpy.array([0.5])], a=0.5).tolist()
    [1.2]
    """
    return numpy.asarray(own / (((1 + a) * numpy.mean(beside, axis=0) + 1 - a) / 2))


def scores_among(ratios: Floats, population: Floats, gamma: float, own: bool = False) -> Floats:
    """For each ratio the share of the population of which it is `gamma` times or more; with `own`, the ratios are the population's, each left out.

    >>> scores_among(numpy.array([2.0, 0.5]), numpy.array([1.0, 2.0, 4.0, 0.1]), 1.0).tolist()
    [0.75, 0.25]
    """
    bounds = numpy.sort(gamma * population)
    there = numpy.searchsorted(bounds, ratios, side="right")
    if not own:
        return there / len(population)
    if len(population) < 2:
        raise NotMeasurable("needs two unseen images at least")
    return (there - (ratios >= gamma * ratios)) / (len(population) - 1)


def rate(own: RelativeRank, false_alarms: float, rng: numpy.random.Generator) -> Value:
    """The share of members told at a share of false alarms."""
    found = true_positive_rate(own.members, own.others, false_alarms, rng=rng)
    return Value(found.value, found.interval, len(own.members))


def rmia_excess(ranks: list[Delong]) -> Value:
    """The subject's AUC beyond the mean of the retrained models', each judged by the others, with the band of one more."""
    if len(ranks) < 4:
        raise NotMeasurable("needs at least three retrained models other than the one judged; add seeds to retrain")
    own, *others = ranks
    error = paired_image_error((own.member, [d.member for d in others]), (own.other, [d.other for d in others]))
    found = one_against_band(own.auc, [d.auc for d in others], error)
    return Value(found.estimate, found.interval(), len(others))
