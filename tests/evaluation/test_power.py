"""Powers against scipy's noncentral t and against plain simulation."""

from typing import Any

import numpy
import pytest
from scipy import stats

from canforget.errors import SpecError
from canforget.evaluation import power
from canforget.evaluation.moderated import against_retrained
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


@pytest.mark.parametrize(("seeds", "retrained", "effect"), [(3, 3, 0.0), (6, 6, 0.0), (6, 4, 0.01)])
def test_the_chance_of_acquittal_is_that_of_simulated_tests(seeds: Any, retrained: Any, effect: Any) -> None:
    """Welch's test has fewer degrees of freedom the less alike both estimates are; to hold them to be alike overstates the chance."""
    rng, n = numpy.random.default_rng(1), 40_000
    u, g = rng.normal(effect, 0.01, (n, seeds)), rng.normal(0, 0.01, (n, retrained))
    p = [
        stats.ttest_ind(u + sign * 0.025, g, axis=1, equal_var=False, alternative=side).pvalue
        for sign, side in ((1, "greater"), (-1, "less"))
    ]
    acquitted = numpy.maximum(*p) < 0.05
    found = power.acquittal_power(0.01, 0.025, seeds, retrained, effect=effect)
    assert found == pytest.approx(acquitted.mean(), abs=0.006)


def test_a_prior_that_is_right_makes_acquittal_likelier() -> None:
    """Posterior variances as `moderated` has them, against simulation."""
    rng, n, d0 = numpy.random.default_rng(2), 40_000, 8.0
    u, g = rng.normal(0, 0.01, (n, 3)), rng.normal(0, 0.01, (n, 3))
    variances = [(d0 * 1e-4 + 2 * x.var(axis=1, ddof=1)) / (d0 + 2) / 3 for x in (u, g)]
    total = variances[0] + variances[1]
    freedom = total**2 / ((variances[0] ** 2 + variances[1] ** 2) / (d0 + 2))
    acquitted = numpy.abs(u.mean(axis=1) - g.mean(axis=1)) + stats.t.ppf(0.95, freedom) * numpy.sqrt(total) < 0.025
    found = power.acquittal_power(0.01, 0.025, 3, 3, prior_freedom=d0)
    assert found == pytest.approx(acquitted.mean(), abs=0.006)
    assert found > power.acquittal_power(0.01, 0.025, 3, 3) + 0.1


def test_the_number_of_seeds_is_the_fewest_that_do() -> None:
    """One fewer must fall short, and an impossible margin has no number."""
    n = present(power.seeds_to_acquit(0.02, 0.03))
    powers = [power.acquittal_power(0.02, 0.03, k, k) for k in (n - 1, n)]
    assert powers[0] < 0.8 <= powers[1]
    assert power.seeds_to_acquit(0.02, 0.001, most=30) is None
    assert present(power.seeds_to_acquit(0.02, 0.03, retrained=n)) <= n
    assert power.seeds_to_acquit(0.0, 0.03) == 2
    with pytest.raises(SpecError, match="margin=0"):
        power.seeds_to_acquit(0.02, 0)


@pytest.mark.parametrize(("deviation", "retrained"), [(0.01, None), (0.01, 5), (0.02, None)])
def test_honest_models_are_acquitted_as_often_as_promised(deviation: Any, retrained: Any) -> None:
    """The promise of the plan, kept by the test that verdicts use."""
    seeds, rng, n = present(power.seeds_to_acquit(deviation, 0.03, retrained=retrained)), numpy.random.default_rng(3), 2000
    models = rng.normal(0, deviation, (n, seeds)), rng.normal(0, deviation, (n, retrained or seeds))
    held = [against_retrained({"u": u}, g)["u"].equivalence(0.03).holds for u, g in zip(*models, strict=True)]
    assert numpy.mean(held) > 0.8 - 2 * (0.16 / n) ** 0.5
