"""Does rounding bring the forgotten back? One rule over seeds, the check of its noise control, and dose-response, from plain numbers.

Every measure is oriented so that higher means remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike
from scipy.special import smirnov

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import Value
from canforget.evaluation.fieller import LEAST_SIGNAL, MemoryFraction, beyond, memory_signal, quotient_of
from canforget.evaluation.moderated import Contrast, ModelMean, Terms, combined, model_means
from canforget.evaluation.statistics import Floats, midranks, prediction_interval

NOISE_DRAWS = 19
"""Fewer draws than this cannot be exceeded by chance less than once in twenty."""
FEWEST_CHECKED = 6
"""Models that unlearned nothing without which it cannot be checked whether noise is a null."""
NO_NULL = 0.01
"""The p of uniformity at and below which a noise control is held to be none."""
LEAST_CLAIMED = 0.02
"""The share of the memory that must be exceeded for a claim: formats that restore no code have given back up to half a percent."""


def rebound(quantized: ArrayLike, full_precision: ArrayLike) -> Floats:
    """R_b(m) = m(Q_b u) - m(u), model by model; positive: rounding moved the measure toward remembering.

    >>> rebound([0.25], [0.0]).tolist()
    [0.25]
    """
    after, before = (numpy.atleast_1d(numpy.asarray(v, dtype=numpy.float64)) for v in (quantized, full_precision))
    if after.shape != before.shape:
        raise DataError(f"rebound: {len(after)} quantized values and {len(before)} before rounding; pair them by model")
    return after - before


def band_around(difference: float, retrained: ArrayLike, error: float) -> Value:
    """One model's distance from the mean of `retrained`, with the band of one more of them; of two alike by luck, not below ±`error`."""
    band = prediction_interval(retrained)
    if band is None:
        return Value(difference, None, 1)
    half = max(error, (band[1] - band[0]) / 2)
    return Value(difference, (difference - half, difference + half), len(numpy.asarray(retrained)))


def noise_p(rounded: float, drawn: ArrayLike) -> float:
    """The share of a measure's values under noise that lie above that under rounding, ties and the rounding itself counted half.

    Uniform (on the middles of as many steps as there are values) where rounding is one draw among others, at whatever rate they tie.
    Raises `NotMeasurable` where all are one value, as an accuracy at its floor: that says nothing for or against noise.

    >>> noise_p(2.0, [1.0, 2.0, 3.0])
    0.5
    """
    x = numpy.asarray(drawn, dtype=numpy.float64)
    if (x == rounded).all():
        raise NotMeasurable("neither rounding nor noise moves it, or both as far in every draw")
    return float(((x > rounded).sum() + ((x == rounded).sum() + 1) / 2) / (len(x) + 1))


@dataclass(frozen=True)
class NullCheck:
    """Whether noise is a null: the p of uniformity of `noise_p` over models that unlearned nothing (`None` with too few to tell)."""

    models: int
    p: float | None

    @property
    def lacking(self) -> int:
        """How many more models that unlearned nothing the check needs; 0 where it could be made."""
        return max(0, FEWEST_CHECKED - self.models)

    @property
    def fails(self) -> bool:
        """Whether rounding moves models that unlearned nothing otherwise than noise does: nothing may be claimed beside such noise."""
        return self.p is not None and self.p <= NO_NULL

    def reason(self) -> str:
        """What the check found, in words."""
        if self.p is None:
            return f"could not be checked: {self.models} models that unlearned nothing, and {self.lacking} more are needed"
        found = "is no null here" if self.fails else "not rejected"
        return f"{found}: over {self.models} models that unlearned nothing, its p are uniform with p {self.p:.2g}"


def null_check(p_values: ArrayLike) -> NullCheck:
    """Kolmogorov and Smirnov's test that the noise p of models that unlearned nothing (original, retrained) are uniform.

    Two-sided, as twice the exact one-sided p: exact where it matters, in the tail.

    >>> null_check([0.025] * 6).fails, null_check([0.1, 0.2, 0.4, 0.6, 0.8, 0.9]).fails, null_check([0.025] * 5).p
    (True, False, None)
    """
    x = numpy.sort(numpy.asarray(p_values, dtype=numpy.float64))
    n = len(x)
    if n < FEWEST_CHECKED:
        return NullCheck(n, None)
    distance = max((numpy.arange(1, n + 1) / n - x).max(), (x - numpy.arange(n) / n).max())
    return NullCheck(n, min(1.0, 2 * float(smirnov(n, distance))))


@dataclass(frozen=True, eq=False)
class FormatValues:
    """A measure of all models of a format, a value a training seed: of each unlearner, of the retrained and of the original models."""

    unlearned: Mapping[str, Sequence[float]]
    retrained: Sequence[float]
    original: Sequence[float] = ()


@dataclass(frozen=True)
class RecoveryEffect:
    """What comes back by rounding, Δ; the memory there is in the format (`None`: not known), and Δ as its fraction ρ (`None`: not given).

    `excess` is Δ less `LEAST_CLAIMED` of the memory: what a claim must show to be above 0 (`None` where there is no fraction).
    """

    effect: Contrast
    memory: Contrast | None = None
    fraction: MemoryFraction | None = None
    excess: Contrast | None = None

    @property
    def p(self) -> float:
        """One-sided p that at most `LEAST_CLAIMED` of the memory comes back; 1 where it is not known how much there is."""
        return 1.0 if self.excess is None else self.excess.p("above")

    @property
    def powerless(self) -> bool:
        """Whether the original cannot be told from the retrained models in this format: there is nothing to come back."""
        return self.memory is not None and self.memory.standard_errors < LEAST_SIGNAL

    def least_fraction(self, tests: int = 1) -> float | None:
        """The smallest ρ found with 80 % power by the one-sided test at 5 %, after Bonferroni (Holm's first step) over `tests`."""
        if self.memory is None or self.excess is None:
            return None
        return LEAST_CLAIMED + self.excess.detectable(alpha=2 * 0.05 / max(1, tests)) / self.memory.estimate


def recovery_effects(
    beside_noise: FormatValues, rounded: FormatValues | None = None, image_error: float = 0.0
) -> dict[str, RecoveryEffect]:
    """The recovery rule: Δ = [R(u) - mean noise R(u)] - [R(g) - mean noise R(g)] of every unlearner of a format, with seeds as units.

    `beside_noise` holds the brackets, `rounded` the measure of the same rounded models, for ρ = Δ / (m(Q o) - m(Q g)). Unpaired, the
    retrained models shared by all; variances moderated over the models of a format where these are many (`model_means`), and none below
    `image_error`² (that of one model's value over the choice of images). ρ has Fieller's interval, with the correlation of the retrained
    models' two measures.
    Something comes back where ρ is above `LEAST_CLAIMED` by its one-sided `p` after Holm over all that is asked together.
    """
    if rounded is not None and len(rounded.retrained) != len(beside_noise.retrained):
        raise DataError(
            f"recovery: {len(beside_noise.retrained)} changes and {len(rounded.retrained)} levels of retrained models; pair them"
        )
    *subjects, g = model_means([*beside_noise.unlearned.values(), beside_noise.retrained], image_error**2)
    memory = None if rounded is None or min(len(rounded.original), len(rounded.retrained)) < 2 else memory_means(rounded)
    pairs = zip(beside_noise.unlearned, subjects, strict=True)
    return {name: against_memory([(1, mean), (-1, g)], memory, beside_noise, rounded) for name, mean in pairs}


def against_memory(
    change: Terms, memory: tuple[ModelMean, ModelMean] | None, beside_noise: FormatValues, rounded: FormatValues | None
) -> RecoveryEffect:
    """An effect beside the memory of its format, with its fraction of it where there is any."""
    effect = combined(change)
    if memory is None or rounded is None:
        return RecoveryEffect(effect)
    found = RecoveryEffect(effect, memory_signal(*memory))
    if found.powerless:
        return found
    shared = shared_covariance(beside_noise, rounded, change[1][1], memory[1])
    below = [(1.0, memory[0]), (-1.0, memory[1])]
    return RecoveryEffect(effect, found.memory, quotient_of(change, below, shared), beyond(change, below, LEAST_CLAIMED, shared))


def memory_means(rounded: FormatValues) -> tuple[ModelMean, ModelMean]:
    """The means of original and retrained models, variances moderated over all models of the format."""
    original, retrained, *_ = model_means([rounded.original, rounded.retrained, *rounded.unlearned.values()])
    return original, retrained


def shared_covariance(beside_noise: FormatValues, rounded: FormatValues, change: ModelMean, level: ModelMean) -> float:
    """Covariance of the retrained models' mean change and mean level: their correlation over seeds, at the moderated variances."""
    pair = numpy.asarray([beside_noise.retrained, rounded.retrained], dtype=numpy.float64)
    if pair.shape[1] < 3 or (numpy.ptp(pair, axis=1) == 0).any():
        return 0.0
    correlation = numpy.asarray(numpy.corrcoef(pair))[0, 1]
    return float(correlation * numpy.sqrt(change.variance * level.variance))


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
