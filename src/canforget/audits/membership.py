"""Membership inference: can the forget set be told from unseen images of the same classes?"""

import numpy

from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, references_of
from canforget.evaluation.matched_sets import MatchedSets, sides
from canforget.evaluation.membership_scores import Ints, cross_fitted_accuracy, retained_classes, scores, true_positives_at
from canforget.evaluation.statistics import Delong, Floats, Interval, delong, delong_difference, prediction_interval, wilson
from canforget.hyperparameters import Parts, Signals
from canforget.registry import component

Found = dict[str, Value | NotRun]


@component(paper="Carlini et al. 2022, https://arxiv.org/abs/2112.03570", version=1)
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
    few false alarms.

    Guarantees: .5 within error where the forget set is exchangeable with the unseen images, which are drawn anew per class where the class
    histograms differ by more than .05. Limits: no shadow models, hence a lower bound of what an attacker can do; training and test images
    of a class can differ by themselves, so that even a retrained model may be off .5.
    """
    models = sides(evidence, rng)
    if isinstance(models, NotRun):
        return Audit(dict.fromkeys((*signals, "balanced_accuracy"), models))
    classes = models[0].forget.logits.shape[1]
    retained = retained_classes(evidence, classes)
    values: Found = {}
    scored: dict[str, Floats] = {}
    for signal in signals:
        if signal == "label_blind" and len(retained) < 2:
            values[signal] = NotRun("needs two retained classes")
            continue
        values |= judged(signal, [ranked(m, signal, retained) for m in models], references_of(evidence))
        scored[signal] = scores(models[0].forget, signal, retained)
    ids = models[0].forget.ids
    return Audit(values | told(models[0], signals[0], retained, false_alarms, rng), scored, dict.fromkeys(scored, ids))


def ranked(model: MatchedSets, signal: str, retained: Ints) -> Delong:
    """How a model's scores rank its forget set against unseen images."""
    return delong(scores(model.forget, signal, retained), scores(model.unseen, signal, retained))


def judged(signal: str, ranks: list[Delong], references: object) -> Found:
    """The AUC of the first model, signed and two-sided, and its excess over the others'."""
    subject, retrained = ranks[0], ranks[1:]
    images = len(subject.member) + len(subject.other)
    both = two_sided(subject.auc, subject.interval())
    values: Found = {signal: Value(subject.auc, subject.interval(), images), f"{signal}_two_sided": Value(*both, images)}
    if isinstance(references, NotRun):
        return values | {f"{signal}_excess": references}
    values[f"{signal}_excess"] = excess(subject, retrained)
    for place, other in enumerate(retrained):
        values[f"{signal}_excess_{place}"] = Value(subject.auc - other.auc, delong_difference(subject, [other]), images)
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


def told(model: MatchedSets, signal: str, retained: Ints, false_alarms: tuple[float, ...], rng: numpy.random.Generator) -> Found:
    """What an attacker who must decide gets right."""
    members, others = (scores(part, signal, retained) for part in (model.forget, model.unseen))
    values: Found = {"balanced_accuracy": NotRun("needs at least 10 images a side")}
    if min(len(members), len(others)) >= 10:
        values["balanced_accuracy"] = Value(cross_fitted_accuracy(members, others, rng), n=len(members) + len(others))
    for fraction in false_alarms:
        values[f"tpr_at_fpr_{fraction:g}"] = rarely_wrong(members, others, fraction)
    return values


def rarely_wrong(members: Floats, others: Floats, fraction: float) -> Value | NotRun:
    """Fraction of members that score above all but `fraction` of the others; needs ten others above the threshold."""
    if fraction * len(others) < 10:
        return NotRun(f"a false-alarm rate of {fraction:g} needs {round(10 / fraction)} unseen images, and there are {len(others)}")
    hits = true_positives_at(members, others, fraction)
    return Value(hits / len(members), wilson(hits, len(members)), len(members))
