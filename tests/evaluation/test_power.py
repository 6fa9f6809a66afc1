"""Powers against scipy's noncentral t and against plain simulation."""

from typing import Any

import numpy
import pytest
from scipy import stats

from canforget.errors import SpecError
from canforget.evaluation import power
from tests.narrowed import present


@pytest.mark.parametrize("freedom", [1, 2, 4, 9.5, 60, 4000])
@pytest.mark.parametrize("effect", [0.0, 1.0, 3.5])
def test_the_power_of_a_t_test_is_that_of_the_noncentral_t(freedom: Any, effect: Any) -> None:
    """The normal shortcut promises far too much at two seeds."""
    expected = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, effect) if effect else 0.025
    assert power.t_power(effect, 1.0, freedom) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("freedom", [2, 4, 12])
def test_an_effect_called_detectable_is_found_four_times_in_five(freedom: Any) -> None:
    """t(.975) + t(.8) standard errors are found less often than that."""
    effect = power.detectable_effect(1.0, freedom)
    rng = numpy.random.default_rng(0)
    t = (rng.normal(effect, 1, 200_000)) / numpy.sqrt(rng.chisquare(freedom, 200_000) / freedom)
    assert (t > stats.t.ppf(0.975, freedom)).mean() == pytest.approx(0.8, abs=0.005)
    assert power.detectable_effect(0.0, freedom) == 0


@pytest.mark.parametrize(("seeds", "effect"), [(3, 0.0), (6, 0.0), (6, 0.01)])
def test_the_chance_of_acquittal_is_that_of_simulated_tests(seeds: Any, effect: Any) -> None:
    """Holding the estimated error to be the true one overstates it."""
    rng, n = numpy.random.default_rng(1), 40_000
    u, g = rng.normal(effect, 0.01, (n, seeds)), rng.normal(0, 0.01, (n, seeds))
    difference = u.mean(axis=1) - g.mean(axis=1)
    error = numpy.sqrt((u.var(axis=1, ddof=1) + g.var(axis=1, ddof=1)) / seeds)
    freedom = 2 * seeds - 2
    acquitted = numpy.abs(difference) + stats.t.ppf(0.95, freedom) * error < 0.025
    assert power.acquittal_power(*power.difference_error(0.01, seeds, seeds), 0.025, effect) == pytest.approx(acquitted.mean(), abs=0.008)


def test_the_number_of_seeds_is_the_fewest_that_do() -> None:
    """One fewer must fall short, and an impossible margin has no number."""
    n = present(power.seeds_to_acquit(0.02, 0.03))
    powers = [power.acquittal_power(*power.difference_error(0.02, k, k), 0.03) for k in (n - 1, n)]
    assert powers[0] < 0.8 <= powers[1]
    assert power.seeds_to_acquit(0.02, 0.001, most=30) is None
    assert present(power.seeds_to_acquit(0.02, 0.03, retrained=n)) <= n
    assert power.seeds_to_acquit(0.0, 0.03) == 2
    with pytest.raises(SpecError, match="margin=0"):
        power.seeds_to_acquit(0.02, 0)
