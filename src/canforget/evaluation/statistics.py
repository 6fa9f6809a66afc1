"""Intervals, tests and corrections for small numbers of models and large numbers of images, in float64."""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri, rel_entr, stdtrit

Floats = NDArray[numpy.float64]
Interval = tuple[float, float]


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, in [0, 1].

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.

    >>> [round(x, 4) for x in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    z = float(ndtri(0.5 + confidence / 2))
    p, shrink = successes / n, 1 + z * z / n
    center = (p + z * z / (2 * n)) / shrink
    half = z * numpy.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    return max(0.0, float(center - half)), min(1.0, float(center + half))


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a proportion, in [0, 1]: never too short, and wider than Wilson's.

    >>> [round(x, 4) for x in clopper_pearson(10, 10)]
    [0.6915, 1.0]
    """
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval | None:
    """Student's interval of the mean: over seeds when `values` are models, over images when they are images; `None` below two values."""
    x = numpy.asarray(values, dtype=numpy.float64)
    return around(x, 1 / numpy.sqrt(len(x)), confidence) if len(x) > 1 else None


def prediction_interval(values: ArrayLike, confidence: float = 0.95) -> Interval | None:
    """The band in which one more model like `values` [G] falls: mean ± t·sd·√(1 + 1/G); `None` below two values.

    >>> [round(x, 2) for x in prediction_interval([0.0, 1.0, 2.0])]
    [-3.97, 5.97]
    """
    x = numpy.asarray(values, dtype=numpy.float64)
    return around(x, numpy.sqrt(1 + 1 / len(x)), confidence) if len(x) > 1 else None


def around(x: Floats, factor: float, confidence: float) -> Interval:
    """Mean ± t·sd·factor with n - 1 degrees of freedom."""
    half = float(stdtrit(len(x) - 1, 0.5 + confidence / 2)) * float(x.std(ddof=1)) * float(factor)
    return float(x.mean()) - half, float(x.mean()) + half


def midranks(values: ArrayLike) -> Floats:
    """Ranks from 1; equal values share the mean of their ranks.

    >>> midranks([3, 1, 3]).tolist()
    [2.5, 1.0, 2.5]
    """
    _, inverse, counts = numpy.unique(numpy.asarray(values), return_inverse=True, return_counts=True)
    return numpy.asarray((numpy.cumsum(counts) - (counts - 1) / 2)[inverse], dtype=numpy.float64)


@dataclass(frozen=True)
class Delong:
    """An AUC in [0, 1], and for each member [m] and each other [n] how often it is ranked on the right side (ties count half)."""

    auc: float
    member: Floats
    other: Floats

    @property
    def variance(self) -> float:
        """Variance of the AUC over the choice of images."""
        return variance_of_mean(self.member) + variance_of_mean(self.other)

    def interval(self, confidence: float = 0.95) -> Interval:
        """AUC ± z·sd, within [0, 1]; at perfect separation (no width) the exact interval of the smaller set."""
        few = min(len(self.member), len(self.other))
        if self.variance == 0 and self.auc in (0.0, 1.0):
            return clopper_pearson(int(self.auc) * few, few, confidence)
        half = float(ndtri(0.5 + confidence / 2)) * numpy.sqrt(self.variance)
        return max(0.0, self.auc - half), min(1.0, self.auc + half)


def variance_of_mean(component: Floats) -> float:
    """Variance of the mean; 0 for a single value."""
    return float(component.var(ddof=1)) / len(component) if len(component) > 1 else 0.0


def delong(members: ArrayLike, others: ArrayLike) -> Delong:
    """The AUC of `members` [m] scoring above `others` [n], with what its variance is made of, in O((m + n) log(m + n)).

    Source: DeLong, DeLong and Clarke-Pearson 1988, section 3; by midranks as in Sun and Xu 2014, algorithm 2.

    >>> delong([3.0, 2.0], [1.0, 2.0]).auc
    0.875
    """
    x, y = (numpy.asarray(v, dtype=numpy.float64) for v in (members, others))
    ranks = midranks(numpy.concatenate([x, y]))
    member = (ranks[: len(x)] - midranks(x)) / len(y)
    other = 1 - (ranks[len(x) :] - midranks(y)) / len(x)
    return Delong(float(member.mean()), member, other)


def auc(members: ArrayLike, others: ArrayLike) -> float:
    """The chance that a random member scores above a random other, ties counting half, in [0, 1]."""
    return delong(members, others).auc


def delong_difference(one: Delong, others: list[Delong], confidence: float = 0.95) -> Interval:
    """Interval of one AUC minus the mean of others measured on the *same images in the same order*: covers images, not seeds."""
    member = one.member - numpy.mean([d.member for d in others], axis=0)
    other = one.other - numpy.mean([d.other for d in others], axis=0)
    estimate = float(member.mean())
    half = float(ndtri(0.5 + confidence / 2)) * numpy.sqrt(variance_of_mean(member) + variance_of_mean(other))
    return estimate - half, estimate + half


def holm(p: ArrayLike) -> Floats:
    """Holm-adjusted p-values (family-wise error rate).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    x = numpy.asarray(p, dtype=numpy.float64)
    order = numpy.argsort(x, kind="stable")
    adjusted = numpy.maximum.accumulate(x[order] * numpy.arange(len(x), 0, -1))
    return back(numpy.minimum(1.0, adjusted), order)


def back(ordered: Floats, order: NDArray[numpy.intp]) -> Floats:
    """`ordered` put back into the places that `order` took it from."""
    placed = numpy.empty_like(ordered)
    placed[order] = ordered
    return placed


@dataclass(frozen=True)
class Equivalence:
    """Whether a mean difference lies inside ±margin: `p` of both one-sided tests, and the smallest effect that could have been seen."""

    estimate: float
    interval: Interval
    margin: float
    p: float
    p_difference: float
    detectable: float

    @property
    def holds(self) -> bool:
        """Whether the claim "no difference beyond the margin" stands at 5 %."""
        return self.p < 0.05


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen-Shannon divergence of each row of `p` from that of `q`, divided by ln 2: 0 for equal, 1 for disjoint distributions.

    >>> jensen_shannon([[1, 0]], [[0, 1]]).tolist()
    [1.0]
    """
    a, b = (numpy.asarray(v, dtype=numpy.float64) for v in (p, q))
    middle = (a + b) / 2
    nats = (rel_entr(a, middle) + rel_entr(b, middle)).sum(axis=-1) / 2
    return numpy.asarray(numpy.clip(nats / numpy.log(2), 0.0, 1.0))


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Rank correlation in [-1, 1]; 0 when either side does not vary."""
    a, b = (midranks(v) - midranks(v).mean() for v in (x, y))
    scale = float(numpy.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
