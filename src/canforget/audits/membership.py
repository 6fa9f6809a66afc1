"""Membership inference: can the forget set be told from unseen images of the same classes?"""

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.calibrated import told
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, attempt, references_of
from canforget.evaluation.matched_sets import MatchedSets, matched_sets
from canforget.evaluation.membership_scores import Ints, cross_fitted_accuracy, retained_classes, scores
from canforget.evaluation.statistics import Delong, Floats, Interval, delong, delong_difference, prediction_interval
from canforget.hyperparameters import Parts, Signals
from canforget.registry import component

Found = dict[str, Value | NotRun]


@component(paper="Carlini et al. 2022, https://arxiv.org/abs/2112.03570", version=2)
def membership(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    signals: Signals = ("phi", "loss", "entropy", "modified_entropy", "label_blind"),
    false_alarms: Parts = (0.01, 0.001),
) -> Audit:
    """AUC of the forget set against matched unseen images (`test_forget` and `held_out`), by several signals, with DeLong's 95 % interval.

    `phi` is the primary value: .5 is nothing to tell, above .5 the forget set still looks trained on, *below* .5 it looks less known than
    images never seen, which tells it just as well (over-forgetting). `*_two_sided` is max(AUC, 1 - AUC). `*_excess` is the AUC minus the
    mean of the retrained models' on the same images, the figure to judge by; its interval is the band of one more retrained model, and
    never narrower than DeLong's over the images. `*_excess_0`, ... compare with each retrained model alone. Of the first signal,
    `balanced_accuracy` takes thresholds chosen on the other folds, and `tpr_at_fpr_0.01` is the fraction of the forget set told with so
    few false alarms, its interval over both sets.

    Guarantees: .5 within error where the forget set is exchangeable with the unseen images, which are drawn anew per class where the class
    histograms differ by more than .05; where coins were tossed the images tossed out are these alone (`held_out`). Limits: no shadow models, hence a lower bound of what an attacker can do; training and test images
    of a class can differ by themselves, so that even a retrained model may be off .5.
    """
    models = matched_sets(evidence, rng)
    classes = models[0].forget.logits.shape[1]
    retained = retained_classes(evidence, classes)
    values: Found = {}
    scored: dict[str, Floats] = {}
    for signal in signals:
        if signal == "label_blind" and len(retained) < 2:
            values[signal] = NotRun("needs two retained classes")
            continue
        ranks = [delong(*both_scores(m, signal, retained)) for m in models]
        values |= area_under_curve(signal, ranks[0])
        values |= excesses(signal, ranks, attempt(references_of, evidence))
        scored[signal] = scores(models[0].forget, signal, retained)
    ids = models[0].forget.ids
    return Audit(values | decisions(models[0], signals[0], retained, false_alarms, rng), scored, dict.fromkeys(scored, ids))


def both_scores(model: MatchedSets, signal: str, retained: Ints) -> tuple[Floats, Floats]:
    """The scores of a model's members and of its matched non-members."""
    return scores(model.forget, signal, retained), scores(model.unseen, signal, retained)


def area_under_curve(signal: str, rank: Delong) -> Found:
    """The AUC of one model, signed and two-sided."""
    images = len(rank.member) + len(rank.other)
    return {signal: Value(rank.auc, rank.interval(), images), f"{signal}_two_sided": Value(*two_sided(rank.auc, rank.interval()), images)}


def excesses(signal: str, ranks: list[Delong], references: object) -> Found:
    """The AUC of the first model beyond that of the others, together and one by one."""
    if isinstance(references, NotRun):
        return {f"{signal}_excess": references}
    subject, retrained = ranks[0], ranks[1:]
    values: Found = {f"{signal}_excess": excess(subject, retrained)}
    for place, other in enumerate(retrained):
        difference = Value(subject.auc - other.auc, delong_difference(subject, [other]), len(subject.member) + len(subject.other))
        values[f"{signal}_excess_{place}"] = difference
    return values


def two_sided(auc: float, interval: Interval) -> tuple[float, Interval]:
    """How far an AUC is from telling nothing, in [.5, 1]: an attacker may turn the score round."""
    low, high = interval
    return max(auc, 1 - auc), (max(0.5, low, 1 - high), max(high, 1 - low))


def excess(subject: Delong, retrained: list[Delong]) -> Value:
    """AUC minus the retrained models' mean; with one retrained model the interval covers the images only."""
    others = [d.auc for d in retrained]
    difference = subject.auc - float(numpy.mean(others))
    images, models = delong_difference(subject, retrained), prediction_interval(others)
    half = max((high - low) / 2 for low, high in (images, models or images))
    return Value(difference, (difference - half, difference + half), len(others))


def decisions(model: MatchedSets, signal: str, retained: Ints, false_alarms: tuple[float, ...], rng: numpy.random.Generator) -> Found:
    """What an attacker who must decide gets right."""
    members, others = both_scores(model, signal, retained)
    values: Found = {"balanced_accuracy": attempt(balanced_accuracy, members, others, rng)}
    return values | {f"tpr_at_fpr_{fraction:g}": attempt(told, members, others, fraction, rng) for fraction in false_alarms}


def balanced_accuracy(members: Floats, others: Floats, rng: numpy.random.Generator) -> Value:
    """Balanced accuracy of thresholds chosen on the other folds."""
    if min(len(members), len(others)) < 10:
        raise NotMeasurable("needs at least 10 images a side")
    return Value(cross_fitted_accuracy(members, others, rng), n=len(members) + len(others))
