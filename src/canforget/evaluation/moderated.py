"""Unlearned against retrained models, unpaired: variances pooled over unlearners, one set of retrained models shared by all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy
from numpy.typing import ArrayLike
from scipy.special import digamma, polygamma, stdtr, stdtrit

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.power import POWER, detectable_effect
from canforget.evaluation.statistics import Equivalence, Interval

Side = Literal["both", "above", "below"]
FEWEST_GROUPS = 40
"""Groups below which their variances are not pooled: at nine groups of three models d0 is too sure, and 95 % intervals hold in 91 %."""


@dataclass(frozen=True)
class VariancePrior:
    """What a group's variance is expected to be before it is seen: about `variance`, as sure as `freedom` models more would make it.

    `pooled_freedom` is that of all groups together, which no combination of them can exceed.
    """

    variance: float
    freedom: float
    pooled_freedom: float

    def moderate(self, variance: float, freedom: float) -> tuple[float, float]:
        """A group's posterior variance and its degrees of freedom; a group of one model has the prior, or else the pooled variance."""
        if not numpy.isfinite(self.freedom) or self.freedom + freedom == 0:
            return self.variance, self.pooled_freedom
        total = self.freedom + freedom
        return (self.freedom * self.variance + freedom * variance) / total, min(total, self.pooled_freedom)


def variance_prior(variances: ArrayLike, freedoms: ArrayLike) -> VariancePrior:
    """The prior that groups' sample `variances` [k], of `freedoms` [k] degrees each, suggest for one another.

    ln s² less its expectation has the variance trigamma(d/2) + trigamma(d0/2) over groups, which gives d0; its mean gives s0². Where the
    groups vary no more than chance has it, d0 is infinite: one variance for all. Below `FEWEST_GROUPS` groups too little is known of how
    they vary, and d0 is 0: each group has its own variance, as in Welch's test. A variance under 1e-5 of the median counts as that much.

    Source: Smyth 2004, Linear models and empirical Bayes methods, section 6.2. Deviation: with d0 infinite, the variance for all is the
    pooled one, (Σ d s²) / Σ d, which is the better estimate when it is the same for all.

    >>> variance_prior([1.0] * 40, [4] * 40)
    VariancePrior(variance=1.0, freedom=inf, pooled_freedom=160.0)
    >>> variance_prior([1.0, 1.0, 1.0], [4, 4, 4]).freedom
    0.0
    """
    s2, d = (numpy.asarray(v, dtype=numpy.float64) for v in (variances, freedoms))
    s2, d = s2[d > 0], d[d > 0]
    if len(d) == 0:
        raise NotMeasurable("variance over seeds: needs two models of one kind at least")
    total, pooled = float(d.sum()), float(d @ s2 / d.sum())
    if len(d) < FEWEST_GROUPS:
        return VariancePrior(pooled, 0.0, total)
    if numpy.median(s2) == 0:
        return VariancePrior(pooled, 0.0 if pooled > 0 else numpy.inf, total)
    e = numpy.log(numpy.maximum(s2, 1e-5 * numpy.median(s2))) - digamma(d / 2) + numpy.log(d / 2)
    surplus = float(e.var(ddof=1) - polygamma(1, d / 2).mean())
    if surplus <= 0:
        return VariancePrior(pooled, numpy.inf, total)
    half = trigamma_root(surplus)
    return VariancePrior(float(numpy.exp(e.mean() + digamma(half) - numpy.log(half))), 2 * half, total)


def trigamma_root(value: float) -> float:
    """The positive number whose trigamma is `value`.

    >>> round(trigamma_root(numpy.pi**2 / 6), 9)
    1.0
    """
    from scipy.optimize import brentq

    return float(numpy.exp(brentq(lambda x: numpy.log(polygamma(1, numpy.exp(x))) - numpy.log(value), -40.0, 40.0, xtol=1e-13)))


@dataclass(frozen=True, eq=False)
class ModelMean:
    """The mean of a group of models, the variance of that mean over training seeds, and what its estimate rests on."""

    mean: float
    variance: float
    freedom: float
    models: int
    pooled_freedom: float


def model_means(groups: Sequence[ArrayLike], least_variance: float = 0.0) -> tuple[ModelMean, ...]:
    """The mean of each group of models (values over seeds; one value is enough where another group has two), variances moderated.

    `least_variance` is the least that one model can be held to vary (that of the choice of images, say), for groups alike by luck.

    >>> [(m.mean, m.variance, m.freedom) for m in model_means([[1.0, 3.0], [0.0, 0.0, 3.0]])]
    [(2.0, 1.0, 1.0), (1.0, 1.0, 2.0)]
    """
    values = [numpy.atleast_1d(numpy.asarray(g, dtype=numpy.float64)) for g in groups]
    if any(len(x) == 0 or not numpy.isfinite(x).all() for x in values):
        raise DataError("mean over seeds: a group of models is empty, or has values that are not finite")
    variances = [float(x.var(ddof=1)) if len(x) > 1 else 0.0 for x in values]
    prior = variance_prior(variances, [len(x) - 1 for x in values])
    means = []
    for x, variance in zip(values, variances, strict=True):
        of_one, freedom = prior.moderate(variance, len(x) - 1)
        means.append(ModelMean(float(x.mean()), max(of_one, least_variance) / len(x), freedom, len(x), prior.pooled_freedom))
    return tuple(means)


@dataclass(frozen=True)
class Contrast:
    """A difference of means of models, its standard error and the degrees of freedom of that."""

    estimate: float
    error: float
    freedom: float

    def interval(self, confidence: float = 0.95) -> Interval:
        """Both ends of the two-sided t interval."""
        half = float(stdtrit(self.freedom, 0.5 + confidence / 2)) * self.error
        return self.estimate - half, self.estimate + half

    def lower(self, confidence: float = 0.95) -> float:
        """The one-sided lower bound."""
        return self.interval(2 * confidence - 1)[0]

    def upper(self, confidence: float = 0.95) -> float:
        """The one-sided upper bound."""
        return self.interval(2 * confidence - 1)[1]

    @property
    def standard_errors(self) -> float:
        """The estimate in standard errors: what a gate of 3 looks at."""
        return self.estimate / self.error if self.error > 0 else float(numpy.copysign(numpy.inf, self.estimate) if self.estimate else 0.0)

    def p(self, side: Side = "both", at: float = 0.0) -> float:
        """p of the t test that the difference is `at`, against what lies on the `side`."""
        t = Contrast(self.estimate - at, self.error, self.freedom).standard_errors
        above, below = float(stdtr(self.freedom, -t)), float(stdtr(self.freedom, t))
        return {"above": above, "below": below, "both": min(1.0, 2 * min(above, below))}[side]

    def detectable(self, power: float = POWER, alpha: float = 0.05) -> float:
        """The smallest true difference that this comparison finds with `power`, were its standard error the true one."""
        return detectable_effect(self.error, self.freedom, power, alpha)

    def equivalence(self, margin: float) -> Equivalence:
        """Two one-sided tests that the difference lies within ±`margin` (see `equivalence_margin`)."""
        p = max(self.p("above", -margin), self.p("below", margin))
        return Equivalence(self.estimate, self.interval(), margin, p, self.p(), self.detectable())


Terms = Sequence[tuple[float, ModelMean]]
"""A linear combination of means: factors and the means they multiply; a mean named twice is one mean."""


def combined(terms: Terms) -> Contrast:
    """The sum of factor · mean over independent groups of models; degrees of freedom by Welch and Satterthwaite.

    >>> u, g = model_means([[1.0, 3.0], [0.0, 0.0, 3.0]])
    >>> combined([(1, u), (-1, g)]).estimate
    1.0
    """
    merged: dict[int, tuple[float, ModelMean]] = {}
    for factor, mean in terms:
        merged[id(mean)] = (factor + merged.get(id(mean), (0.0, mean))[0], mean)
    pieces = [(factor**2 * mean.variance, mean.freedom) for factor, mean in merged.values()]
    variance, most = sum(v for v, _ in pieces), min(mean.pooled_freedom for _, mean in merged.values())
    weight = sum(v * v / freedom for v, freedom in pieces)
    estimate = float(sum(factor * mean.mean for factor, mean in merged.values()))
    return Contrast(estimate, float(numpy.sqrt(variance)), min(most, variance**2 / weight) if weight > 0 else most)


def against_retrained(unlearned: Mapping[str, ArrayLike], retrained: ArrayLike, least_variance: float = 0.0) -> dict[str, Contrast]:
    """Mean over seeds of each unlearner less that of the retrained models, which all share, in one format.

    Not paired: a seed that an unlearned and a retrained model have in common makes them no more alike. All variances, that of the
    retrained models included, are moderated by one prior.

    >>> against_retrained({"a": [0.5, 1.0], "b": [0.0, 0.5]}, [0.0, 0.25, 0.5])["a"].estimate
    0.5
    """
    *subjects, reference = model_means([*unlearned.values(), retrained], least_variance)
    return {name: combined([(1, mean), (-1, reference)]) for name, mean in zip(unlearned, subjects, strict=True)}


def equivalence_margin(default: float, signal: float) -> float:
    """The margin within which no difference is claimed: `default`, or a quarter of the memory m(o) - m(g) if that is less; never below 0.

    A fixed margin as wide as all that a small net remembers would acquit the original.

    >>> equivalence_margin(0.03, 0.5), equivalence_margin(0.03, 0.04)
    (0.03, 0.01)
    """
    return max(0.0, min(default, signal / 4))


def one_against_band(subject: float, retrained: ArrayLike, image_error: float = 0.0) -> Contrast:
    """One model less the mean of G ≥ 3 retrained ones, with the error of one more of them; 0 outside its interval is a residue.

    The band is mean ± t·sd·√(1 + 1/G). `image_error` is the standard error of the difference over the choice of images
    (`paired_image_error`): where the normal interval from it is wider than the band, it stands in its place, for retrained models alike
    by luck are no more alike than their images allow. So the band holds one more retrained model in 95 % of cases where models
    differ as wholes, in up to 99 % where only their errors on single images do (G 3; 97 % at G 10).
    `Contrast.detectable` says what one model can be found guilty of: print it beside every "consistent".

    >>> [round(x, 2) for x in one_against_band(0.6, [0.48, 0.5, 0.52]).interval()]
    [0.0, 0.2]
    """
    g = numpy.asarray(retrained, dtype=numpy.float64)
    if len(g) < 3 or not numpy.isfinite([subject, *g]).all():
        raise NotMeasurable(f"one model is judged by the band of at least three finite retrained ones, not {len(g)}; add seeds to retrain")
    band = Contrast(float(subject - g.mean()), float(g.std(ddof=1) * numpy.sqrt(1 + 1 / len(g))), len(g) - 1)
    images = Contrast(band.estimate, image_error, numpy.inf)
    return max(band, images, key=lambda c: c.interval()[1])


def paired_image_error(*parts: tuple[ArrayLike, ArrayLike]) -> float:
    """Standard error, over the choice of images, of one model's value less the mean of others' on the same images.

    Each of `parts` are shares that average to the value: [n] of the model, [G, n] of the others (one part for a mean over images; for an
    AUC one for members and one for the others, see `Delong`).

    >>> paired_image_error(([1.0, 1.0, 0.0, 0.0], [[0.0, 0.0, 0.0, 0.0]] * 3)) == (1 / 3 / 4) ** 0.5
    True
    """
    differences = [numpy.asarray(own, dtype=numpy.float64) - numpy.mean(numpy.atleast_2d(others), axis=0) for own, others in parts]
    return float(numpy.sqrt(sum(d.var(ddof=1) / len(d) for d in differences)))
