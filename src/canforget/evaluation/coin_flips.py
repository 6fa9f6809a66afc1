"""Audits that are exact by design: each image of a pool was trained on, or not, by its own fair coin.

Whoever was tossed in and whoever was tossed out are exchangeable, so that a retrained model's scores know nothing of the coins; one
model suffices, and any score may guess. Arrays here are over the images of the pool; `inside` [n] says which were tossed in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, logit

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.moderated import Contrast, variance_prior
from canforget.evaluation.statistics import Floats, midranks

Coins = NDArray[numpy.bool_]
Statistic = Callable[[Floats, Coins], float]
"""(scores [n], coins [n]) -> a number that rises with how well scores tell the coins."""


@dataclass(frozen=True)
class Permutation:
    """A statistic of the real coins, what it is on average for coins re-drawn, and its p: of more, of less, and of either."""

    value: float
    expected: float
    p_above: float
    p_below: float

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_above, self.p_below))


def permutation_test(
    scores: ArrayLike,
    inside: ArrayLike,
    *,
    rng: numpy.random.Generator,
    strata: ArrayLike | None = None,
    statistic: Statistic | None = None,
    draws: int = 9999,
) -> Permutation:
    """Whether `scores` [n] of one model know the coins `inside` [n]: AUC, or any other `statistic`, against coins re-drawn.

    Coins are exchanged within `strata` [n] (classes, where coins were tossed per class), or among all: given how many fell in, every
    such exchange was as likely. The real coins count as one draw, so that p is never 0 and P[p ≤ α] ≤ α holds exactly for any number of
    draws. Guarantees: holds for one model, of any kind, and any score that was made without the coins. Limits: says that something is
    known, not how much (`epsilon_lower_bound`).

    >>> found = permutation_test([4, 3, 2, 1], [True, True, False, False], rng=numpy.random.default_rng(0))
    >>> found.value, round(found.p_above, 2)
    (1.0, 0.17)
    """
    values, coins = pool_of(scores, inside)
    places = [numpy.flatnonzero(s) for s in strata_of(strata, len(values))]
    drawn = exchanged(coins, places, rng, draws)
    if statistic is None:
        ranks, count = midranks(values), int(coins.sum())
        pairs = count * (len(values) - count)

        def areas(block: Coins) -> Floats:
            return numpy.asarray((block @ ranks - count * (count + 1) / 2) / pairs)

        own, others = float(areas(coins[None])[0]), numpy.concatenate([areas(block) for block in drawn])
    else:
        own, others = statistic(values, coins), numpy.array([statistic(values, c) for block in drawn for c in block])
    near = 1e-12 * max(1.0, abs(own))
    above, below = (1 + int((others >= own - near).sum())), (1 + int((others <= own + near).sum()))
    return Permutation(own, float(others.mean()), above / (draws + 1), below / (draws + 1))


def pool_of(scores: ArrayLike, inside: ArrayLike) -> tuple[Floats, Coins]:
    """Scores and coins as arrays; raises where they do not fit, or no coin fell on one of the sides."""
    values, coins = numpy.asarray(scores, dtype=numpy.float64), numpy.asarray(inside, dtype=bool)
    if values.shape != coins.shape or values.ndim != 1 or numpy.isnan(values).any():
        raise DataError(f"coin flips: {values.shape} scores and {coins.shape} coins; there must be one number, not NaN, for each image")
    if coins.all() or not coins.any():
        raise NotMeasurable("coin flips: all images fell on one side; take a larger pool")
    return values, coins


def strata_of(strata: ArrayLike | None, n: int) -> list[Coins]:
    """A mask [n] for each stratum."""
    if strata is None:
        return [numpy.ones(n, dtype=bool)]
    labels = numpy.asarray(strata)
    return [labels == c for c in numpy.unique(labels)]


def exchanged(coins: Coins, places: Sequence[NDArray[numpy.intp]], rng: numpy.random.Generator, draws: int) -> Iterator[Coins]:
    """Blocks [k, n] of coins exchanged at random within each of `places`, `draws` in all."""
    step = max(1, min(draws, 4_000_000 // len(coins)))
    for start in range(0, draws, step):
        block = numpy.repeat(coins[None], min(step, draws - start), axis=0)
        for where in places:
            block[:, where] = rng.permuted(block[:, where], axis=1)
        yield block


@dataclass(frozen=True)
class EpsilonBound:
    """A lower bound of ε in nats, and the guesses it rests on: `right` of `guesses`."""

    epsilon: float
    right: int
    guesses: int


GUESSED = (0.02, 0.1, 0.5, 1.0)
"""Shares of the pool that are guessed about, fixed before any score is seen."""


def epsilon_of_guesses(right: int, guesses: int, alpha: float = 0.05) -> float:
    """The largest ε ≥ 0 (nats) for which `right` of `guesses` coins named rightly, or more, has a chance of at most `alpha`; else 0.

    P[Bin(r, e^ε/(1+e^ε)) ≥ W] ≤ α: the lower bound of Clopper and Pearson for the share of right guesses, as log-odds. 0 says that
    nothing was found, never that nothing is there.

    Source: Steinke, Nasr and Jagielski 2023, https://arxiv.org/abs/2305.08846, the main theorem with δ = 0; abstaining is allowed.

    >>> round(epsilon_of_guesses(100, 100), 2), epsilon_of_guesses(5, 10), epsilon_of_guesses(0, 0)
    (3.49, 0.0, 0.0)
    """
    if right == 0:
        return 0.0
    return max(0.0, float(logit(betaincinv(right, guesses - right + 1, alpha))))


def guess(scores: ArrayLike, share: float) -> NDArray[numpy.int8]:
    """Guesses [n] about a `share` of images: 1 (in) for the highest scores, -1 (out) for as many of the lowest, 0 for no guess.

    Where equal scores lie across a cut all of them abstain: their order in the array may be that of the coins.

    >>> guess([0.1, 0.9, 0.5, 0.5], 0.5).tolist(), guess([0.1, 0.9, 0.5, 0.5], 1.0).tolist()
    ([-1, 1, 0, 0], [-1, 1, 0, 0])
    """
    values = numpy.asarray(scores, dtype=numpy.float64)
    each, ordered = min(round(share * len(values) / 2), len(values) // 2), numpy.sort(values)
    if each == 0:
        return numpy.zeros(len(values), dtype=numpy.int8)
    return numpy.asarray((values > ordered[-each - 1]).astype(numpy.int8) - (values < ordered[each]).astype(numpy.int8))


def epsilon_lower_bound(
    scores: ArrayLike, inside: ArrayLike, *, shares: Sequence[float] = GUESSED, two_sided: bool = False, alpha: float = 0.05
) -> EpsilonBound:
    """The greatest 95 % lower bound of ε over guessing about several `shares` of the pool, each at `alpha` / their number (Bonferroni).

    Images with the highest scores are guessed in, as many with the lowest out, the rest not at all. `two_sided` also guesses the
    other way round, at half of `alpha` each, for models that forgot too well. Guarantees: over 0 in at most `alpha` of all models that
    never saw the coins, one model at a time. Limits: coins must be fair and independent.

    >>> epsilon_lower_bound([1.0] * 50 + [0.0] * 50, [True] * 50 + [False] * 50, shares=[1.0]).right
    100
    """
    values, coins = pool_of(scores, inside)
    ways = (1, -1) if two_sided else (1,)
    bounds = []
    for share in shares:
        for way in ways:
            guesses = way * guess(values, share)
            right = int(((guesses == 1) & coins).sum() + ((guesses == -1) & ~coins).sum())
            made = int((guesses != 0).sum())
            bounds.append(EpsilonBound(epsilon_of_guesses(right, made, alpha / len(shares) / len(ways)), right, made))
    return max(bounds, key=lambda b: b.epsilon)


def swap_twin(one: ArrayLike, twin: ArrayLike, inside: ArrayLike) -> Contrast:
    """½ [(s_in - s_out) of `one` + (s_out - s_in) of its `twin`], whose coins are all turned: what being trained on does to a score.

    `one` and `twin` [n] are both models' scores of the same images, `inside` [n] the coins of `one`. Each image is its own control, so
    that its difficulty cancels, and what the two models differ by as wholes cancels between the halves. The error is over the choice of
    images (Welch); models that respond otherwise to their data than these two are not in it.

    >>> swap_twin([3.0, 3.5, 1.0, 0.5], [2.0, 2.5, 2.0, 1.5], [True, True, False, False]).estimate
    1.0
    """
    change, coins = pool_of(numpy.asarray(one, dtype=numpy.float64) - numpy.asarray(twin, dtype=numpy.float64), inside)
    sides = change[coins], -change[~coins]
    if min(map(len, sides)) < 2:
        raise NotMeasurable("swap twin: needs two images on each side of the coins; take a larger pool")
    parts = [x.var(ddof=1) / len(x) / 4 for x in sides]
    variance, weight = sum(parts), sum(v * v / (len(x) - 1) for v, x in zip(parts, sides, strict=True))
    estimate = float(sum(x.mean() for x in sides) / 2)
    return Contrast(estimate, float(numpy.sqrt(variance)), float(variance**2 / weight) if weight > 0 else len(change) - 2.0)


def likelihood_ratios(scores: ArrayLike, inside: ArrayLike, *, shrink: bool = False) -> Floats:
    """ln p(s | in) - ln p(s | out) of each world and image [worlds, n], fitted image by image to the *other* worlds' models (U-LiRA).

    `scores` [worlds, n] are those of the models after unlearning, one world one coin per image (`inside` [worlds, n]): the in-models
    were trained on the image and then forgot it, the out-models never saw it. Both are Gaussian, with means of their own; the variance
    is one for all images, in and out apart, or shrunk towards that image by image (`shrink`, which pays from about 16 worlds on). The
    score judged has in addition the error of the mean it is held against. 0 where the other worlds do not hold the image on both sides.

    Source: Hayes et al. 2024, https://arxiv.org/abs/2403.01218; Carlini et al. 2022 for the pooled variance. Deviation: the
    worlds are of coins, so that no model is trained for a single image.

    >>> s, coins = [[1.0, 0.0], [0.0, 1.0], [1.1, 0.1], [0.1, 0.9]], [[1, 0], [0, 1], [1, 0], [0, 1]]
    >>> (likelihood_ratios(s, coins) > 0).tolist() == [[True, False], [False, True], [True, False], [False, True]]
    True
    """
    values, coins = numpy.asarray(scores, dtype=numpy.float64), numpy.asarray(inside, dtype=bool)
    if values.shape != coins.shape or values.ndim != 2 or not numpy.isfinite(values).all():
        raise DataError(f"U-LiRA: {values.shape} scores and {coins.shape} coins; both must be [worlds, images], and all scores finite")
    ratios = numpy.empty_like(values)
    for world in range(len(values)):
        others = numpy.arange(len(values)) != world
        densities = [log_density(values[world], values[others], side[others], shrink) for side in (coins, ~coins)]
        ratios[world] = densities[0] - densities[1]
    return numpy.nan_to_num(ratios, nan=0.0)


def log_density(score: Floats, values: Floats, chosen: Coins, shrink: bool) -> Floats:
    """Gaussian ln density of each `score` [n] under the `chosen` of `values` [worlds, n]; NaN where none is chosen, or none varies."""
    count = chosen.sum(axis=0)
    with numpy.errstate(invalid="ignore", divide="ignore"):
        mean = numpy.where(chosen, values, 0.0).sum(axis=0) / count
        squares = numpy.where(chosen, (values - mean) ** 2, 0.0).sum(axis=0)
        freedom = numpy.maximum(count - 1, 0)
        if not freedom.any():
            return numpy.full(len(score), numpy.nan)
        variance = spread_of_images(squares, freedom, shrink) * (1 + 1 / count)
        return numpy.asarray(-0.5 * (numpy.log(variance) + (score - mean) ** 2 / variance))


def spread_of_images(squares: Floats, freedom: NDArray[numpy.int64], shrink: bool) -> Floats:
    """Variance of a score over worlds, image by image [n]: pooled, or shrunk towards what the images have in common."""
    pooled = numpy.full(len(squares), squares.sum() / freedom.sum())
    if not shrink:
        return pooled
    own = numpy.divide(squares, freedom, out=numpy.zeros_like(squares), where=freedom > 0)
    prior = variance_prior(own, freedom)
    if not numpy.isfinite(prior.freedom):
        return pooled
    return numpy.where(prior.freedom + freedom > 0, (prior.freedom * prior.variance + squares) / (prior.freedom + freedom), pooled)
