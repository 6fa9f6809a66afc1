"""Membership set against how hard an image is: by retrained models, by both versions of a model, at few false alarms; and its kin.

Scores are higher for members, always. Arrays are over images [n], of several models [models, n].
"""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import Value, predictions_of
from canforget.evaluation.feature_probes import unit
from canforget.evaluation.membership_scores import log_odds, log_sum_exp, true_positives_at
from canforget.evaluation.moderated import Contrast, one_against_band, paired_image_error
from canforget.evaluation.statistics import Floats, Interval, delong

Ids = NDArray[numpy.int64]


def calibrated(own: ArrayLike, retrained: ArrayLike) -> Floats:
    """φ*(x) = φ_u(x) - mean_j φ_gj(x) [n], from one model's scores `own` [n] and those of `retrained` models [G, n] in the same format.

    What is hard, or easy, for every model cancels. A retrained model whose scores are `own` is left out: a model judged by a mean that
    holds itself looks more like the others than it is.

    Source: Watson et al. 2022, https://arxiv.org/abs/2111.08440, equation 4, with retrained models for the difficulty.

    >>> calibrated([3.0, 1.0], [[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]).tolist()
    [1.5, 0.5]
    """
    score, others = numpy.asarray(own, dtype=numpy.float64), numpy.atleast_2d(numpy.asarray(retrained, dtype=numpy.float64))
    others = others[[not numpy.array_equal(score, row) for row in others]]
    if len(others) == 0:
        raise NotMeasurable("calibrated membership: needs a retrained model other than the one judged; add seeds to retrain")
    if not numpy.isfinite(others).all() or numpy.isnan(score).any():
        raise NotMeasurable("calibrated membership: a retrained model gives a labelled class probability 0 or 1, or a score is NaN")
    return numpy.asarray(score - others.mean(axis=0))


@dataclass(frozen=True)
class ExcessArea:
    """An AUC, the same of each retrained model in the subject's place, and the excess over their mean with the band of one more."""

    auc: float
    retrained: tuple[float, ...]
    excess: Contrast


def both_versions(
    before: tuple[ArrayLike, ArrayLike], after: tuple[ArrayLike, ArrayLike], retrained: tuple[ArrayLike, ArrayLike]
) -> ExcessArea:
    """AUC in [0, 1] of φ_before - φ_after for an attacker who kept both versions; members are expected to fall.

    Each argument holds scores of the forget set and of unseen images: of the model `before` [m], [n], of the one `after` [m], [n], and of
    at least three `retrained` models [G, m], [G, n] in its place. Pass o, u, g for unlearning; u, Q(u), Q(g) for rounding. An exact method
    leaks here as well: only the excess is the unlearner's doing.

    Source: Chen et al. 2021, https://arxiv.org/abs/2005.02205.
    """
    sides = [numpy.asarray(b, dtype=numpy.float64) - numpy.asarray(a, dtype=numpy.float64) for b, a in zip(before, after, strict=True)]
    others = [numpy.asarray(b, dtype=numpy.float64) - numpy.atleast_2d(g) for b, g in zip(before, retrained, strict=True)]
    if any(numpy.isnan(x).any() for x in (*sides, *others)):
        raise NotMeasurable("both versions: a class ruled out by both versions has no change of score")
    own, found = delong(*sides), [delong(m, o) for m, o in zip(*others, strict=True)]
    error = paired_image_error((own.member, [d.member for d in found]), (own.other, [d.other for d in found]))
    return ExcessArea(own.auc, tuple(d.auc for d in found), one_against_band(own.auc, [d.auc for d in found], error))


@dataclass(frozen=True)
class RateAt:
    """The share of members found at a share of false alarms, with its 95 % interval over members *and* others."""

    value: float
    interval: Interval


def true_positive_rate(
    members: ArrayLike, others: ArrayLike, false_positives: float, *, rng: numpy.random.Generator, draws: int = 4000
) -> RateAt:
    """Share of `members` [m] that score above all but `false_positives` of `others` [n], with a bootstrap interval of both sides.

    The threshold is estimated from `others`, so these are drawn anew as well; an interval over members alone is too short. Drawn
    without drawing images: the k-th of n resampled others lies at a Beta(k, n+1-k) quantile of them, and the share of members above it is
    Jeffreys's Beta of what was found, which has width where all or none are. Raises `NotMeasurable` where fewer than 10 others may be
    false alarms.

    >>> found = true_positive_rate(range(1000, 2000), range(1000), 0.01, rng=numpy.random.default_rng(0))
    >>> found.value, [round(x, 3) for x in found.interval]
    (1.0, [0.997, 1.0])
    """
    x, y = (numpy.sort(numpy.asarray(v, dtype=numpy.float64)) for v in (members, others))
    allowed = int(false_positives * len(y))
    if allowed < 10:
        raise NotMeasurable(
            f"true positives at {false_positives:.1%} false ones: needs {10 / false_positives:.0f} unseen images, not {len(y)}"
        )
    place = numpy.ceil(len(y) * rng.beta(allowed + 1, len(y) - allowed, draws)).astype(int)
    above = len(x) - numpy.searchsorted(x, y[len(y) - place], side="right")
    low, high = numpy.quantile(rng.beta(above + 0.5, len(x) - above + 0.5), [0.025, 0.975])
    value = true_positives_at(x, y, false_positives) / len(x)
    return RateAt(value, (min(float(low), value), max(float(high), value)))


def told(members: Floats, others: Floats, false_alarms: float, rng: numpy.random.Generator) -> Value:
    """The share of members told at a share of false alarms, as audits report it."""
    found = true_positive_rate(members, others, false_alarms, rng=rng)
    return Value(found.value, found.interval, len(members))


HOTTEST = 1e3
"""Beyond this factor a temperature is not pursued: every validation image is right, and no finite temperature is the best."""


def temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T at which softmax(z / T) has the least loss on these (validation) images, within [1/1000, 1000].

    The mean loss is convex in 1/T; its slope is the mean of Σ_c p_c z_c - z_y. Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599.

    >>> round(temperature([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]], [0, 0, 0, 1]), 3)
    2.731
    """
    z, y = numpy.asarray(logits, dtype=numpy.float64), numpy.asarray(labels, dtype=numpy.int64)
    if len(z) == 0 or not numpy.isfinite(z).all():
        raise NotMeasurable("temperature: needs validation images, with finite logits")
    own = z[numpy.arange(len(z)), y]

    def slope(log_inverse: float) -> float:
        scaled = numpy.exp(log_inverse) * z
        p = numpy.exp(scaled - log_sum_exp(scaled)[:, None])
        return float(((p * z).sum(axis=1) - own).mean())

    ends = -float(numpy.log(HOTTEST)), float(numpy.log(HOTTEST))
    if slope(ends[0]) >= 0:
        return HOTTEST
    return 1 / HOTTEST if slope(ends[1]) <= 0 else float(numpy.exp(-brentq(slope, *ends, xtol=1e-10)))


def matched_margins(logits: ArrayLike, labels: ArrayLike, val_logits: ArrayLike, val_labels: ArrayLike) -> Floats:
    """Log-odds of the labelled class [n] of a model brought to its own best temperature on validation images.

    A model that only stretches its logits has the same margins as before: raw ones read scale, not memory.
    """
    z = numpy.asarray(logits, dtype=numpy.float64) / temperature(val_logits, val_labels)
    return log_odds(predictions_of(z, labels))


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs of a forgotten image and another, nearest first, of cosine above `threshold`; `expected` of the forgotten by chance."""

    forget: Ids
    other: Ids
    cosine: Floats
    threshold: float
    expected: float


def near_duplicates(
    forget: tuple[ArrayLike, ArrayLike],
    retain: tuple[ArrayLike, ArrayLike],
    others: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    quantile: float = 0.995,
    limit: int = 2000,
) -> NearDuplicates:
    """Forgotten images of which an almost equal one is still in `retain` (or in `others`, such as the test set).

    Each argument holds features [n, width] of one retrained model, and ids [n]. An image counts when its cosine to a forgotten one is
    greater than that of all but 1 - `quantile` of the retained images to *their* nearest retained image (of at most `limit`, evenly spaced).
    What is still there cannot be forgotten: list it beside every residue. Limits: as fine as the features.
    """
    (f, f_ids), (r, r_ids) = (directions(*part) for part in (forget, retain))
    if len(f) == 0 or len(r) < 2:
        raise NotMeasurable("near-duplicates: needs forgotten images, and at least two retained ones")
    places = numpy.unique(numpy.linspace(0, len(r) - 1, min(limit, len(r))).round().astype(int))
    usual = numpy.concatenate([nearest_other(r, block) for block in numpy.array_split(places, -(-len(places) // 500))])
    threshold = float(numpy.quantile(usual, quantile))
    asked, ids = (r, r_ids) if others is None else directions(*others)
    found = []
    for start in range(0, len(f), 500):
        cosines = f[start : start + 500] @ asked.T
        row, column = numpy.nonzero(cosines > threshold + 1e-12)
        found.append((f_ids[start + row], ids[column], cosines[row, column]))
    one, other, cosine = (numpy.concatenate(parts) for parts in zip(*found, strict=True))
    order = numpy.argsort(-cosine, kind="stable")
    return NearDuplicates(one[order], other[order], cosine[order], threshold, (1 - quantile) * len(f))


def directions(features: ArrayLike, ids: ArrayLike) -> tuple[Floats, Ids]:
    """Features as rows of length 1, with their ids."""
    x, names = numpy.asarray(features, dtype=numpy.float64), numpy.asarray(ids, dtype=numpy.int64)
    if len(x) != len(names) or not numpy.isfinite(x).all():
        raise DataError(f"near-duplicates: {len(x)} rows of features and {len(names)} ids; there must be as many, all finite")
    return unit(x), names


def nearest_other(rows: Floats, places: NDArray[numpy.intp]) -> Floats:
    """Cosine of the row at each of `places` to the nearest other row."""
    cosines = rows[places] @ rows.T
    cosines[numpy.arange(len(places)), places] = -numpy.inf
    return numpy.asarray(cosines.max(axis=1))


def harm_per_class(correct: ArrayLike, retrained: ArrayLike, labels: ArrayLike) -> dict[int, Contrast]:
    """By class, accuracy of the retrained models less the subject's, in [-1, 1]: what a class lost through unlearning.

    `correct` [n] and `retrained` [G ≥ 3, n] say whether each image is classified as labelled. The error is that of one more retrained
    model, never less than that of the class's images; adjust p over the classes (`holm`).

    >>> found = harm_per_class([1, 0, 1, 1], [[1, 1, 1, 1]] * 3, [0, 0, 1, 1])
    >>> {c: h.estimate for c, h in found.items()}
    {0: 0.5, 1: 0.0}
    """
    own, others, y = numpy.asarray(correct, dtype=numpy.float64), numpy.asarray(retrained, dtype=numpy.float64), numpy.asarray(labels)
    found = {}
    for c in numpy.unique(y):
        a, b = own[y == c], others[:, y == c]
        error = paired_image_error((a, b)) if len(a) > 1 else 1.0
        loss = one_against_band(float(a.mean()), b.mean(axis=1), error)
        found[int(c)] = Contrast(-loss.estimate + 0.0, loss.error, loss.freedom)
    return found
