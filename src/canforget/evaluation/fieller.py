"""How much of a memory is left: quotients of two differences of means of models, with Fieller's bounds."""

from dataclasses import dataclass

import numpy
from scipy.special import stdtrit

from canforget.errors import NotMeasurable
from canforget.evaluation.moderated import Contrast, ModelMean, Terms, combined
from canforget.evaluation.statistics import Interval

LEAST_SIGNAL = 3.0
"""Standard errors below which a denominator is no signal to be a fraction of."""


@dataclass(frozen=True)
class MemoryFraction:
    """A share of the memory there was, its one-sided 95 % bounds (infinite where unbounded) and 95 % interval (`None` where unbounded)."""

    value: float
    lower: float
    upper: float
    interval: Interval | None


def memory_signal(original: ModelMean, retrained: ModelMean) -> Contrast:
    """m(o) - m(g), the memory that there was to lose: a gate is passed where its `standard_errors` are at least 3."""
    return combined([(1, original), (-1, retrained)])


def residue_fraction(unlearned: ModelMean, original: ModelMean, retrained: ModelMean) -> MemoryFraction:
    """f = (m(u) - m(g)) / (m(o) - m(g)): 0 as retrained, 1 as the original; the retrained models are in both differences.

    `upper` ≤ .25 says "it had forgotten". Raises `NotMeasurable` where the memory is under three standard errors.

    >>> from canforget.evaluation.moderated import model_means
    >>> groups = model_means([[0.55, 0.56, 0.57], [0.70, 0.71, 0.72], [0.49, 0.50, 0.51]])
    >>> found = residue_fraction(*groups)
    >>> round(found.value, 3), round(found.upper, 3)
    (0.286, 0.358)
    """
    return quotient_of([(1, unlearned), (-1, retrained)], [(1, original), (-1, retrained)])


def quotient_of(above: Terms, below: Terms, covariance: float = 0.0) -> MemoryFraction:
    """The quotient of two linear combinations of means of models, with Fieller's bounds.

    A bound is the quotient f at which above - f · below just is as many standard errors from 0 as t allows, at the degrees of freedom
    that this combination has. A mean in both `above` and `below` must be one object; `covariance` is that of the two where different
    measures of the *same* models stand in them (of means: over seeds, divided by their number), as for the fraction that rounding gives
    back: change of g above, quantized g below. Raises `NotMeasurable` where `below` is within three standard errors of 0.

    Source: Fieller 1954, Some problems in interval estimation; with Satterthwaite's freedom for variances that differ.
    """
    from scipy.optimize import brentq

    signal = combined(below)
    if signal.estimate == 0 or abs(signal.standard_errors) < LEAST_SIGNAL:
        raise NotMeasurable(
            f"a fraction of {signal.estimate:.3g} ± {signal.error:.2g} (standard error) is not given: under three standard errors; add seeds"
        )
    sign = 1.0 if signal.estimate > 0 else -1.0

    def bound(direction: float, confidence: float) -> float:
        """Where the combination is no longer compatible with 0, going up or down from the quotient."""

        def excess(distance: float) -> float:
            found = beyond(above, below, value + direction * distance, covariance)
            return direction * sign * found.estimate + float(stdtrit(found.freedom, confidence)) * found.error

        reach = 1e-3 * (1 + abs(value))
        while excess(reach) > 0:
            reach *= 2
            if reach > 1e6 * (1 + abs(value)):
                return direction * numpy.inf
        return value + direction * float(brentq(excess, 0.0, reach, xtol=1e-12))

    value = combined(above).estimate / signal.estimate
    ends = bound(-1, 0.975), bound(1, 0.975)
    return MemoryFraction(value, bound(-1, 0.95), bound(1, 0.95), ends if numpy.isfinite(ends).all() else None)


def beyond(above: Terms, below: Terms, fraction: float, covariance: float = 0.0) -> Contrast:
    """`above` less a `fraction` of `below`: 0 where their quotient is that; see `quotient_of`.

    >>> from canforget.evaluation.moderated import model_means
    >>> a, b = model_means([[0.3, 0.3, 0.3], [1.0, 1.1, 0.9]])
    >>> round(beyond([(1, a)], [(1, b)], 0.2).estimate, 9)
    0.1
    """
    found = combined([*above, *((-fraction * factor, mean) for factor, mean in below)])
    return Contrast(found.estimate, float(numpy.sqrt(max(0.0, found.error**2 - 2 * fraction * covariance))), found.freedom)
