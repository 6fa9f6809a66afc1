"""Does rounding bring the forgotten back? Rebound, recovered fraction, the claim rule and dose-response, from plain numbers.

Every measure is oriented so that higher means remembered.
"""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import Value
from canforget.evaluation.statistics import Floats, Interval, midranks, prediction_interval, t_interval

NOISE_DRAWS = 19
"""Fewer draws than this cannot be exceeded by chance less than once in twenty."""


def rebound(quantized: ArrayLike, full_precision: ArrayLike) -> Floats:
    """R_b(m) = m(Q_b u) - m(u), model by model; positive: rounding moved the measure toward remembering.

    >>> rebound([0.25], [0.0]).tolist()
    [0.25]
    """
    after, before = (numpy.atleast_1d(numpy.asarray(v, dtype=numpy.float64)) for v in (quantized, full_precision))
    if after.shape != before.shape:
        raise DataError(f"rebound: {len(after)} quantized values and {len(before)} before rounding; pair them by model")
    return after - before


def excess_rebound(subject: ArrayLike, retrained: ArrayLike, error: float = 0.0) -> Value:
    """Mean R_b(u) - R_b(g). Rebounds paired by seed have Student's interval; one subject has the band of one more retrained model.

    `error` is the half-width, over the choice of images, below which the band of one subject may not fall.

    >>> excess_rebound([0.25, 0.5], [0.0, 0.25]).value
    0.25
    """
    u, g = (numpy.atleast_1d(numpy.asarray(v, dtype=numpy.float64)) for v in (subject, retrained))
    if len(u) == 1:
        return band_around(float(u[0] - g.mean()), g, error)
    if len(u) != len(g):
        raise DataError(f"excess rebound: {len(u)} unlearned and {len(g)} retrained models; pair them by seed")
    return Value(float((u - g).mean()), t_interval(u - g), len(u))


def band_around(difference: float, retrained: ArrayLike, error: float) -> Value:
    """One model's distance from the mean of `retrained`, with the band of one more of them; of two alike by luck, not below ±`error`."""
    band = prediction_interval(retrained)
    if band is None:
        return Value(difference, None, 1)
    half = max(error, (band[1] - band[0]) / 2)
    return Value(difference, (difference - half, difference + half), len(numpy.asarray(retrained)))


@dataclass(frozen=True)
class Claim:
    """What may be claimed: whether rounding brings it back, the excess rebound, and the p of the noise controls."""

    recovered: bool
    excess: Value
    noise_p: float
    reason: str


def claim(subject: ArrayLike, retrained: ArrayLike, noise: ArrayLike, error: float = 0.0, beside_noise: ArrayLike | None = None) -> Claim:
    """The claim rule: R_b(u) - R_b(g) > 0 *and* more than weight noise of the same norm moves the same models.

    `subject` are rebounds of unlearned models [S], `retrained` of retrained models [S, or any number for one subject], `noise` those
    of the unlearned models with random weight noise of the rounding's norm [draws] or [draws, S]. The drift of a ruined model to chance
    is in both controls. `error` is as in `excess_rebound`. `beside_noise` are the rebounds of `subject` on the images that noise was
    judged on, where these are fewer. `noise_p` is the share of draws, and of the rounding itself, that move at least as far.
    """
    u, drawn = numpy.atleast_1d(numpy.asarray(subject, dtype=numpy.float64)), numpy.asarray(noise, dtype=numpy.float64)
    means = drawn.reshape(len(drawn), -1).mean(axis=1) if len(drawn) else drawn
    if len(means) < NOISE_DRAWS:
        raise NotMeasurable(f"needs {NOISE_DRAWS} draws of norm-matched noise, and there are {len(means)}")
    excess = excess_rebound(u, retrained, error)
    if excess.interval is None:
        raise NotMeasurable("needs two retrained models; one gives no band to exceed")
    own = float(u.mean() if beside_noise is None else numpy.asarray(beside_noise, dtype=numpy.float64).mean())
    p = (1 + int((means >= own).sum())) / (len(means) + 1)
    reason = reason_of(excess.interval, p)
    return Claim(reason == RECOVERED, excess, p, reason)


RECOVERED = "more than in retrained models and more than random noise does"


def reason_of(interval: Interval, noise_p: float) -> str:
    """Why it may or may not be said that rounding brings the forgotten back."""
    if interval[0] <= 0:
        return "retrained models move as far"
    return RECOVERED if noise_p <= 0.05 else "random noise of the same norm moves it as far"


@dataclass(frozen=True)
class Ratio:
    """A quotient's parts: both estimates, their variances and covariance, and the degrees of freedom."""

    above: float
    below: float
    variance_above: float
    variance_below: float
    covariance: float
    freedom: int


def recovered_fraction(subject: ArrayLike, original: ArrayLike, retrained: ArrayLike) -> Value:
    """ρ_b = (m(Q_b u) - m(Q_b g)) / (m(Q_b o) - m(Q_b g)) over seeds: 0 as retrained, 1 as the original; may lie outside.

    Ratio of means paired by seed, with Fieller's 95 % interval (`None` where that is unbounded). Undefined, hence not measurable, when the
    denominator is under three standard errors: nothing was there to come back.

    >>> recovered_fraction([0.5, 0.5], [1.0, 1.0], [0.0, 0.0]).value
    0.5
    """
    u, o, g = (numpy.asarray(v, dtype=numpy.float64) for v in (subject, original, retrained))
    if not len(u) == len(o) == len(g):
        raise DataError(f"recovered fraction: {len(u)} unlearned, {len(o)} original and {len(g)} retrained models; pair them by seed")
    if len(u) < 2:
        raise NotMeasurable("needs two seeds to know the error of the denominator")
    table = numpy.cov(u - g, o - g) / len(u)
    ratio = Ratio(float((u - g).mean()), float((o - g).mean()), float(table[0, 0]), float(table[1, 1]), float(table[0, 1]), len(u) - 1)
    return fraction(ratio, len(u))


def fraction(ratio: Ratio, n: int) -> Value:
    """The quotient with Fieller's interval, unless its denominator is under three standard errors."""
    error = float(numpy.sqrt(ratio.variance_below))
    if ratio.below == 0 or abs(ratio.below) < 3 * error:
        raise NotMeasurable(f"the original is {ratio.below:.3g} from the retrained models, under three standard errors ({error:.2g})")
    return Value(ratio.above / ratio.below, fieller(ratio), n)


def fieller(ratio: Ratio, confidence: float = 0.95) -> Interval | None:
    """Interval of a quotient of two estimates that vary together; `None` where the denominator may be 0 at that confidence.

    Source: Fieller 1954, Some problems in interval estimation.
    """
    t = float(stdtrit(ratio.freedom, 0.5 + confidence / 2))
    quotient, a = ratio.above / ratio.below, ratio.below**2 - t * t * ratio.variance_below
    if a <= 0:
        return None
    b = ratio.above * ratio.below - t * t * ratio.covariance
    c = ratio.above**2 - t * t * ratio.variance_above
    half = float(numpy.sqrt(max(0.0, b * b - a * c)))
    return min((b - half) / a, quotient), max((b + half) / a, quotient)


@dataclass(frozen=True)
class Trend:
    """Mean rank correlation over seeds in [-1, 1] with its two-sided permutation p."""

    correlation: float
    p: float


def dose_response(dose: ArrayLike, values: ArrayLike, *, rng: numpy.random.Generator, draws: int = 9999) -> Trend:
    """Whether `values` [seeds, doses] rise or fall with `dose` [doses] (bits, or a method's strength), whatever the shape.

    p is the share of `draws` that permute the doses within every seed and correlate as strongly, the observed order counted among them.
    """
    x, table = numpy.asarray(dose, dtype=numpy.float64), numpy.atleast_2d(numpy.asarray(values, dtype=numpy.float64))
    if table.shape[1] != len(x) or len(numpy.unique(x)) < 3:
        raise DataError(
            f"dose-response: {table.shape[1]} values a seed for {len(x)} doses; give as many, of at least three different doses"
        )
    ranks, doses = standard(numpy.stack([midranks(row) for row in table])), standard(midranks(x)[None])[0]
    observed = float((ranks @ doses).mean())
    drawn = numpy.array([(rng.permuted(ranks, axis=1) @ doses).mean() for _ in range(draws)])
    return Trend(observed, (1 + int((abs(drawn) >= abs(observed) - 1e-12).sum())) / (draws + 1))


def standard(ranks: Floats) -> Floats:
    """Rows centered and of length 1, so that products are correlations; rows without variation become 0."""
    centered = ranks - ranks.mean(axis=1, keepdims=True)
    length = numpy.sqrt((centered**2).sum(axis=1, keepdims=True))
    return numpy.asarray(numpy.divide(centered, length, out=numpy.zeros_like(centered), where=length > 0))
