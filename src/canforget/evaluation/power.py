"""What a comparison of a few models can find: power of t tests and of equivalence tests, the least effect seen, the seeds needed."""

from collections.abc import Callable
from functools import lru_cache

import numpy
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
    from scipy.optimize import brentq

    top = 1.0
    while function(top) < 0:
        top *= 2
    return float(brentq(function, 0.0, top, xtol=1e-10))


@lru_cache(maxsize=4096)
def acquittal_power(
    deviation: float,
    margin: float,
    seeds: int,
    retrained: int,
    *,
    effect: float = 0.0,
    prior_freedom: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Chance in [0, 1] that `seeds` models, truly `effect` from `retrained` others, are placed within ±`margin` by two one-sided t tests.

    `deviation` is the true standard deviation of one model over seeds. Each side estimates its own, and the degrees of freedom are Welch
    and Satterthwaite's of these two estimates, as in `moderated.combined`: integrated over both. The shortcut that holds the degrees of
    freedom to be those of equal estimates promises .80 where .75 are acquitted, at three seeds.

    Source: Schuirmann 1987 and Welch 1947.

    >>> round(acquittal_power(0.01, 0.03, 3, 3), 3), round(acquittal_power(0.01, 0.03, 4, 4), 3)
    (0.749, 0.949)
    """
    error = deviation * float(numpy.sqrt(1 / seeds + 1 / retrained))
    if error == 0:
        return float(abs(effect) < margin)
    (one, own), (other, others) = (moderated_ratios(n, prior_freedom) for n in (seeds, retrained))
    pieces = one[:, None] / seeds, other[None, :] / retrained
    total = pieces[0] + pieces[1]
    freedom = total**2 / (pieces[0] ** 2 / (seeds - 1 + prior_freedom) + pieces[1] ** 2 / (retrained - 1 + prior_freedom))
    room = margin - stdtrit(freedom, 1 - alpha) * deviation * numpy.sqrt(total)
    inside = ndtr((room - effect) / error) - ndtr((-room - effect) / error)
    return float(own @ numpy.where(room > 0, inside, 0.0) @ others)


def moderated_ratios(models: int, prior_freedom: float) -> tuple[Floats, Floats]:
    """Values of s²/σ² of a group of models, moderated by a prior that is right, with weights that sum to 1."""
    ratios, weights = deviation_ratios(models - 1)
    return (prior_freedom + (models - 1) * ratios**2) / (prior_freedom + models - 1), weights


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
    (4, 3, None)
    """
    if deviation < 0 or margin <= 0 or (retrained is not None and retrained < 2):
        raise SpecError(f"seeds to acquit: deviation={deviation}, margin={margin}, retrained={retrained}: must be ≥ 0, > 0 and ≥ 2")

    def enough(seeds: int) -> bool:
        chance = acquittal_power(deviation, margin, seeds, retrained or seeds, effect=effect, prior_freedom=prior_freedom, alpha=alpha)
        return chance >= power

    high = 2
    while not enough(min(high, most)):
        if high >= most:
            return None
        high *= 2
    low = high // 2
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
