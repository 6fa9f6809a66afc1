"""Membership scores of single images (higher = more likely a member) and how well they tell members from others."""

from collections.abc import Callable

import numpy
from numpy.typing import NDArray

from canforget.errors import SpecError, did_you_mean
from canforget.evaluation.evidence import Evidence, Predictions, Views, view_of
from canforget.evaluation.statistics import Floats

Ints = NDArray[numpy.int64]


def log_sum_exp(z: Floats) -> Floats:
    """ln Σ exp over the last axis; -inf over nothing or over -inf alone."""
    top = z.max(axis=-1, keepdims=True, initial=-numpy.inf)
    safe = numpy.where(numpy.isfinite(top), top, 0.0)
    with numpy.errstate(divide="ignore"):
        return numpy.asarray(safe[..., 0] + numpy.log(numpy.exp(z - safe).sum(axis=-1)))


def log_odds(predictions: Predictions) -> Floats:
    """Log-odds of the labelled class, z_y - ln Σ_{c≠y} exp z_c, in nats [n].

    Taken from logits in float64: a float32 softmax rounds p_y to 1 on most training images and makes them tie.
    Source: Carlini et al. 2022, https://arxiv.org/abs/2112.03570, section 4.3.
    """
    z = predictions.logits.astype(numpy.float64)
    rows = numpy.arange(len(z))
    own = z[rows, predictions.labels]
    z[rows, predictions.labels] = -numpy.inf
    return odds(own, log_sum_exp(z))


def odds(own: Floats, rest: Floats) -> Floats:
    """own - rest, where a class without any rival has log-odds inf, and one ruled out by the head -inf."""
    with numpy.errstate(invalid="ignore"):
        return numpy.asarray(numpy.where(own == -numpy.inf, -numpy.inf, own - rest))


def negative_loss(predictions: Predictions) -> Floats:
    """ln p_y in nats [n]."""
    return -predictions.loss


def negative_entropy(predictions: Predictions) -> Floats:
    """Σ_c p_c ln p_c in nats [n]: high for confident predictions, right or wrong."""
    entropy: Floats = weighted_logarithms(numpy.exp(predictions.log_probabilities), predictions.log_probabilities).sum(axis=1)
    return entropy


def negative_modified_entropy(predictions: Predictions) -> Floats:
    """(1 - p_y) ln p_y + Σ_{c≠y} p_c ln(1 - p_c) in nats [n]: confident *and* right.

    Source: Song and Mittal 2021, https://arxiv.org/abs/2003.10595, equation 8. A widely copied version takes ln p_c for ln(1 - p_c)
    and writes one image's label into the rows of all; the tests hold both against a slow loop.
    """
    log_p, rows = predictions.log_probabilities, numpy.arange(len(predictions))
    weights, logarithms = numpy.exp(log_p), log_complement(predictions)
    weights[rows, predictions.labels] = numpy.exp(logarithms[rows, predictions.labels])
    logarithms[rows, predictions.labels] = log_p[rows, predictions.labels]
    entropy: Floats = weighted_logarithms(weights, logarithms).sum(axis=1)
    return entropy


def log_complement(predictions: Predictions) -> Floats:
    """ln(1 - p_c) of each image and class [n, classes], exact where p_c is so near 1 that 1 - p_c would be rounded to 0."""
    log_p, rows = predictions.log_probabilities, numpy.arange(len(predictions))
    others = log_p.copy()
    others[rows, predictions.predicted] = -numpy.inf
    small = numpy.minimum(numpy.exp(log_p), 1.0)
    small[rows, predictions.predicted] = 0.0
    complement = numpy.log1p(-small)
    complement[rows, predictions.predicted] = log_sum_exp(others)
    return numpy.asarray(complement)


def weighted_logarithms(weights: Floats, logarithms: Floats) -> Floats:
    """weights · logarithms, with 0 · -inf = 0 as in the limit."""
    return numpy.asarray(numpy.multiply(weights, logarithms, out=numpy.zeros_like(weights), where=weights > 0))


def label_blind(predictions: Predictions, retained: Ints) -> Floats:
    """Greatest log-odds of a retained class among the retained classes in nats [n]: needs no label.

    After a class is forgotten its own probability says nothing any more; how sure the model is of the remaining ones still may.
    """
    z = predictions.logits[:, retained].astype(numpy.float64)
    rows, top = numpy.arange(len(z)), z.argmax(axis=1)
    best = z[rows, top]
    z[rows, top] = -numpy.inf
    return odds(best, log_sum_exp(z))


def retained_classes(evidence: Evidence, classes: int) -> Ints:
    """The classes that were not forgotten, of `classes` in all."""
    return numpy.setdiff1d(numpy.arange(classes), evidence.forgotten_classes).astype(numpy.int64)


SIGNALS: dict[str, Callable[[Predictions], Floats]] = {
    "phi": log_odds,
    "loss": negative_loss,
    "entropy": negative_entropy,
    "modified_entropy": negative_modified_entropy,
}


def scores(predictions: Predictions, signal: str, retained: Ints) -> Floats:
    """Membership scores of `signal` [n]; infinite ones are kept, for they still have a rank."""
    if signal == "label_blind":
        return label_blind(predictions, retained)
    if signal not in SIGNALS:
        raise SpecError(f"membership: no signal '{signal}'{did_you_mean(signal, [*SIGNALS, 'label_blind'])}")
    return SIGNALS[signal](predictions)


def best_threshold(scores: Floats, member: NDArray[numpy.bool_]) -> tuple[float, bool]:
    """The threshold of greatest balanced accuracy (midway between two scores), and whether members lie above it."""
    order = numpy.argsort(scores, kind="stable")
    ordered, hits = scores[order], member[order]
    below = numpy.cumsum(hits) / hits.sum()
    outside = numpy.cumsum(~hits) / (~hits).sum()
    gain = numpy.where(numpy.append(ordered[1:] != ordered[:-1], True), outside - below, 0.0)
    place = int(numpy.abs(gain).argmax())
    low, high = ordered[place], ordered[min(place + 1, len(ordered) - 1)]
    middle = (low + high) / 2 if numpy.isfinite([low, high]).all() else low
    return float(middle), bool(gain[place] >= 0)


def cross_fitted_accuracy(members: Floats, others: Floats, rng: numpy.random.Generator, folds: int = 5) -> float:
    """Balanced accuracy in [0, 1] of thresholds chosen on the other folds: .5 is chance, whatever the threshold was chosen for."""
    values = numpy.concatenate([members, others])
    member = numpy.arange(len(values)) < len(members)
    fold = numpy.concatenate([rng.permutation(len(part)) % folds for part in (members, others)])
    called = numpy.zeros(len(values), dtype=bool)
    for k in range(folds):
        threshold, above = best_threshold(values[fold != k], member[fold != k])
        called[fold == k] = (values[fold == k] > threshold) == above
    return float((called[member].mean() + 1 - called[~member].mean()) / 2)


def true_positives_at(members: Floats, others: Floats, fraction: float) -> int:
    """How many members score above all but `fraction` of the others."""
    allowed = int(fraction * len(others))
    threshold = numpy.sort(others)[::-1][allowed]
    return int((members > threshold).sum())


def confidence(predictions: Predictions) -> Floats:
    """Probability of the labelled class [n], in [0, 1]."""
    return numpy.exp(-predictions.loss)


def evenly(predictions: Predictions, limit: int) -> Predictions:
    """At most `limit` of the images, evenly spaced in the order of their ids."""
    order = numpy.argsort(predictions.ids, kind="stable")
    places = numpy.linspace(0, len(order) - 1, min(limit, len(order))).round().astype(numpy.int64)
    return predictions.where(order[places])


def taken_for_unseen(views: Views, outside: str, limit: int) -> float:
    """Fraction of the forget set that a support vector machine on confidence, trained to tell retain from `outside`, takes for unseen.

    Source: Jia et al. 2023 and SalUn's code (MIA-Efficacy, confidence): C 3, RBF. Deviation: at most `limit` images of each set.
    """
    from sklearn.svm import SVC

    retain, test, forget = (view_of(views, name) for name in ("retain", outside, "forget"))
    size = min(limit, len(retain), len(test))
    inside, away = (confidence(evenly(part, size)) for part in (retain, test))
    machine = SVC(C=3, gamma="auto", kernel="rbf").fit(numpy.concatenate([inside, away])[:, None], numpy.repeat([1, 0], size))
    return float(1 - machine.predict(confidence(forget)[:, None]).mean())
