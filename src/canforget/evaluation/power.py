"""What a comparison of a few models can find: power of t tests and of equivalence tests, the least effect seen, the seeds needed."""

from collections.abc import Callable

import numpy
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from canforget.errors import SpecError
from canforget.evaluation.statistics import Floats

POWER = 0.8
"""How often a study should find what it is made to find."""


def deviation_ratios(freedom: float) -> tuple[Floats, Floats]:
    """Values of s/σ, the estimated over the true standard deviation at `freedom` degrees, with weights that sum to 1.

    √(χ²/ν) has a smooth density in its logarithm, over which equal steps integrate to six digits at least.

    >>> ratios, weights = deviation_ratios(3)
    >>> round(float(weights @ ratios**2), 9)
    1.0
    """
    if not numpy.isfinite(freedom):
        return numpy.ones(1), numpy.ones(1)
    low = -70 / freedom - 8 * numpy.sqrt(2 / freedom)
    high = numpy.log(1 + 80 / freedom + 10 * numpy.sqrt(2 / freedom))
    x = numpy.linspace(low, high, 160)
    density = numpy.exp(freedom / 2 * (1 + x - numpy.exp(x)))
    return numpy.exp(x / 2), density / density.sum()


def t_power(effect: float, error: float, freedom: float, alpha: float = 0.05, *, two_sided: bool = True) -> float:
    """Chance in [0, 1] that a t test at `alpha` finds an `effect` with the expected sign, by its estimate of a true standard `error`.

    >>> round(t_power(2.8016, 1.0, numpy.inf), 3)
    0.8
    """
    ratios, weights = deviation_ratios(freedom)
    critical = float(stdtrit(freedom, 1 - alpha / (2 if two_sided else 1)))
    return float(weights @ ndtr(effect / error - critical * ratios))


def detectable_effect(error: float, freedom: float, power: float = POWER, alpha: float = 0.05, *, two_sided: bool = True) -> float:
    """The smallest effect that a t test finds with `power`, in the unit of `error`; exact, where t(.975) + t(.8) is too small.

    >>> round(detectable_effect(0.01, 4), 4), round(0.01 * float(stdtrit(4, 0.975) + stdtrit(4, 0.8)), 4)
    (0.0376, 0.0372)
    """
    if error == 0:
        return 0.0
    return error * rising_root(lambda effect: t_power(effect, 1.0, freedom, alpha, two_sided=two_sided) - power)


def rising_root(function: Callable[[float], float]) -> float:
    """Where a rising function of a positive number is 0."""
    top = 1.0
    while function(top) < 0:
        top *= 2
    return float(brentq(function, 0.0, top, xtol=1e-10))


def acquittal_power(error: float, freedom: float, margin: float, effect: float = 0.0, alpha: float = 0.05) -> float:
    """Chance in [0, 1] that two one-sided t tests place a true `effect` within ±`margin`, by their estimate of a true `error`.

    Source: Schuirmann 1987, integrated over the estimate of the standard deviation; the usual shortcut that holds this estimate to be the
    truth promises too much at few seeds.

    >>> round(acquittal_power(0.01, numpy.inf, 0.03), 3)
    0.825
    """
    if error == 0:
        return float(abs(effect) < margin)
    ratios, weights = deviation_ratios(freedom)
    room = margin - float(stdtrit(freedom, 1 - alpha)) * ratios * error
    inside = ndtr((room - effect) / error) - ndtr((-room - effect) / error)
    return float(weights @ numpy.where(room > 0, inside, 0.0))


def seeds_to_acquit(
    deviation: float,
    margin: float,
    *,
    retrained: int | None = None,
    effect: float = 0.0,
    prior_freedom: float = 0.0,
    power: float = POWER,
    alpha: float = 0.05,
    most: int = 1000,
) -> int | None:
    """The fewest seeds at which a method whose true effect is `effect` is called equivalent with `power`; `None` if `most` do not do.

    `deviation` is the standard deviation of one model over seeds, taken as equal for unlearned and retrained models; of these there are
    `retrained`, or as many as seeds. `prior_freedom` is what variances pooled over unlearners add (`variance_prior`). For m tests that
    must all acquit pass `power` 1 - .2/m; for tests adjusted by Bonferroni `alpha` .05/m.

    >>> seeds_to_acquit(0.01, 0.03), seeds_to_acquit(0.01, 0.03, retrained=16), seeds_to_acquit(0.01, 0.001, most=50)
    (3, 3, None)
    """
    if deviation < 0 or margin <= 0 or (retrained is not None and retrained < 2):
        raise SpecError(f"seeds to acquit: deviation={deviation}, margin={margin}, retrained={retrained}: must be ≥ 0, > 0 and ≥ 2")
    for seeds in range(2, most + 1):
        error, freedom = difference_error(deviation, seeds, retrained or seeds, prior_freedom)
        if acquittal_power(error, freedom, margin, effect, alpha) >= power:
            return seeds
    return None


def difference_error(deviation: float, seeds: int, retrained: int, prior_freedom: float = 0.0) -> tuple[float, float]:
    """Standard error and degrees of freedom of a mean of `seeds` models less that of `retrained` others of equal deviation.

    >>> difference_error(1.0, 2, 2)
    (1.0, 2.0)
    """
    one, other = 1 / seeds, 1 / retrained
    pieces = one**2 / (seeds - 1 + prior_freedom) + other**2 / (retrained - 1 + prior_freedom)
    return deviation * float(numpy.sqrt(one + other)), (one + other) ** 2 / pieces
