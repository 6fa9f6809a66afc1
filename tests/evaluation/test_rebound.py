"""Rebound, the recovery rule, the check of its noise, and dose-response, on numbers whose answer is known."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.rebound import (
    LEAST_CLAIMED,
    FormatValues,
    band_around,
    dose_response,
    noise_p,
    null_check,
    rebound,
    recovery_effects,
)
from canforget.evaluation.statistics import holm
from tests.narrowed import present


def test_a_rebound_is_after_less_before_model_by_model() -> None:
    """Unpaired means hide which model moved."""
    assert rebound([0.5, 0.25], [0.25, 0.5]).tolist() == [0.25, -0.25]
    with pytest.raises(DataError, match="pair them by model"):
        rebound([1, 2], [1])


def test_one_subject_is_held_against_the_band_of_one_more_retrained_model() -> None:
    """The interval of the mean of three retrained models would be half as wide."""
    g = [0.0, 0.1, 0.2]
    found = band_around(0.4, g, 0.0)
    half = stats.t.ppf(0.975, 2) * 0.1 * numpy.sqrt(4 / 3)
    assert found.interval == pytest.approx((0.4 - half, 0.4 + half))
    assert band_around(0.4, [0.1], 0.0).interval is None
    assert band_around(0.4, [0.1, 0.1], 0.05).interval == pytest.approx((0.35, 0.45))


@pytest.mark.parametrize("digits", [6, 1, 0])
def test_the_noise_p_is_uniform_where_rounding_is_one_draw_among_others(digits: Any) -> None:
    """Counted as draws that move at least as far, ties made every p large: an accuracy has few values."""
    rng = numpy.random.default_rng(digits)
    values = numpy.round(rng.normal(size=(4000, 20)), digits)
    found = [noise_p(v[0], v[1:]) for v in values]
    assert numpy.mean(found) == pytest.approx(0.5, abs=0.02)
    if digits:
        assert numpy.mean(numpy.array(found) <= 0.05) <= 0.065
        assert max(abs(numpy.quantile(found, q) - q) for q in (0.1, 0.3, 0.7, 0.9)) < 0.06


def test_a_measure_that_nothing_moves_has_no_noise_p() -> None:
    """Of accuracies at their floor every p would be .5, and no control would ever be found uniform."""
    with pytest.raises(NotMeasurable, match="neither rounding nor noise"):
        noise_p(0.0, [0.0] * 20)


def test_the_check_of_noise_is_that_of_kolmogorov_and_smirnov() -> None:
    """An independent reference, in the tail where it decides."""
    for p in ([0.025] * 4 + [0.3, 0.2], [0.9, 0.95, 0.97, 0.99, 0.8, 0.99, 0.93], [0.01, 0.02, 0.4, 0.03, 0.01, 0.02, 0.01, 0.1]):
        assert null_check(p).p == pytest.approx(stats.kstest(p, "uniform").pvalue, rel=1e-6)
        assert null_check(p).fails
    assert null_check([0.1] * 5).p is None
    assert null_check([0.1] * 5).lacking == 1
    assert "could not be checked: 5 models that unlearned nothing, and 1 more" in null_check([0.1] * 5).reason()


def test_noise_that_is_a_null_is_seldom_rejected_and_noise_of_old_always() -> None:
    """The first control gave p of .05 to five of six models that had unlearned nothing at int4, and of .95 at float8."""
    rng = numpy.random.default_rng(0)
    alarms = [null_check((rng.integers(0, 20, 6) + 0.5) / 20).fails for _ in range(2000)]
    assert numpy.mean(alarms) <= 0.015
    assert null_check([0.05] * 5 + [0.4]).fails
    assert null_check([0.95] * 5 + [0.4]).fails


def test_the_effect_is_the_unpaired_difference_of_what_is_beside_noise() -> None:
    """Two groups have Welch's test; scipy is the reference."""
    u, g = [0.5, 0.6, 0.55], [0.0, 0.1, -0.1]
    found = recovery_effects(FormatValues({"a": u}, g))["a"]
    expected = stats.ttest_ind(u, g, equal_var=False, alternative="greater")
    assert found.effect.estimate == pytest.approx(0.55)
    assert found.effect.p("above") == pytest.approx(expected.pvalue)
    assert found.fraction is None
    assert found.p == 1, "without a known memory nothing is claimed"


def test_the_bound_of_a_claim_is_that_of_the_fraction() -> None:
    """p of a share of .02 and Fieller's one-sided lower bound must say the same."""
    for effect in (0.02, 0.1, 0.15, 0.2):
        found = recovery_effects(*study(numpy.random.default_rng(3), effect=effect, correlation=0.5))["0"]
        assert (found.p <= 0.05) == (present(found.fraction).lower >= LEAST_CLAIMED)


def test_images_that_agree_by_luck_do_not_make_the_error_0() -> None:
    """Three accuracies of 1/500 each, against three of 0, once had a p of 0."""
    values = FormatValues({"a": [0.002] * 3}, [0.0] * 3)
    assert recovery_effects(values)["a"].effect.p("above") == 0
    assert recovery_effects(values, image_error=0.002)["a"].effect.p("above") > 0.05


def study(
    rng: Any, *, effect: Any = 0.0, effects: Any = (), seeds: int = 5, unlearners: int = 4, deviation: Any = 0.1, correlation: Any = 0.0
) -> Any:
    """Changes and levels of a format where the memory is 1; the first unlearner's change has the `effect`, and retrained levels vary with their changes."""
    g = rng.normal(0, 1, seeds)
    level = correlation * g + numpy.sqrt(1 - correlation**2) * rng.normal(0, 1, seeds)
    shifts = effects or [effect, *[0.0] * (unlearners - 1)]
    changes = {str(k): rng.normal(shift, deviation, seeds).tolist() for k, shift in enumerate(shifts)}
    levels = {name: rng.normal(0.2, deviation, seeds).tolist() for name in changes}
    original = rng.normal(1.0, deviation, seeds).tolist()
    return FormatValues(changes, (deviation * g).tolist()), FormatValues(levels, (deviation * level).tolist(), original)


@pytest.mark.parametrize("seeds", [3, 5])
def test_where_too_little_comes_back_at_most_one_study_in_twenty_claims(seeds: Any) -> None:
    """Three formats of four unlearners that share retrained models, corrected together; at the very share that is not claimed yet."""
    rng, claims = numpy.random.default_rng(seeds), []
    for _ in range(150):
        effects = [LEAST_CLAIMED] * 4
        p = [e.p for _ in range(3) for e in recovery_effects(*study(rng, seeds=seeds, effects=effects, deviation=0.05)).values()]
        claims.append((holm(p) <= 0.05).any())
    assert numpy.mean(claims) <= 0.05 + 2 * numpy.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize("tests", [1, 12])
def test_the_smallest_fraction_is_found_as_often_as_it_says(tests: Any) -> None:
    """80 % is claimed of the first step of Holm; the worst seed's veto once took power away with every seed added."""
    rng, level, true_error, found = numpy.random.default_rng(tests), 0.05 / tests, 0.1 * numpy.sqrt(2 / 5), []
    for _ in range(200):
        for e in recovery_effects(*study(rng)).values():
            beyond = (present(e.least_fraction(tests)) - LEAST_CLAIMED) * present(e.memory).estimate * true_error / present(e.excess).error
            found.append(present(e.excess).p("above", at=-beyond - LEAST_CLAIMED) <= level)
    assert numpy.mean(found) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.9])
def test_the_fraction_covers_the_truth_as_often_as_it_says(correlation: Any) -> None:
    """The retrained models stand above and below the line, with measures that vary together."""
    rng, held = numpy.random.default_rng(0), []
    for _ in range(300):
        found = present(recovery_effects(*study(rng, effect=0.5, correlation=correlation))["0"].fraction)
        held.append(found.interval is not None and found.interval[0] <= 0.5 <= found.interval[1])
    assert numpy.mean(held) == pytest.approx(0.95, abs=0.03)


def test_nothing_to_come_back_has_no_fraction() -> None:
    """.01 / .001 = 10 would be read as tenfold recovery."""
    changes, levels = study(numpy.random.default_rng(0), effect=1.0)
    found = recovery_effects(changes, FormatValues(levels.unlearned, levels.retrained, levels.retrained))["0"]
    assert found.powerless
    assert found.fraction is None
    assert found.least_fraction() is None
    with pytest.raises(DataError, match="pair them"):
        recovery_effects(changes, FormatValues(levels.unlearned, levels.retrained[:3], levels.original))


@given(st.floats(0.1, 10))
def test_the_fraction_has_no_unit(scale: Any) -> None:
    """Points and fractions must give the same."""

    def times(values: Any, factor: Any) -> Any:
        scaled = {k: [factor * x for x in v] for k, v in values.unlearned.items()}
        return FormatValues(scaled, [factor * x for x in values.retrained], [factor * x for x in values.original])

    pair = study(numpy.random.default_rng(3), effect=0.5)
    one, two = (present(recovery_effects(*(times(v, k) for v in pair))["0"].fraction) for k in (1.0, scale))
    assert one.value == pytest.approx(two.value)
    assert one.interval == pytest.approx(two.interval, abs=1e-6)


def test_a_dose_response_is_seen_and_noise_is_not() -> None:
    """The p of one seed's five widths can never be small; pooled within seeds it can, and must be uniform without an effect."""
    rng, bits = numpy.random.default_rng(1), [8, 6, 4, 3, 2]
    rising = [[0.0, 0.0, 0.1, 0.2, 0.5], [0.01, 0.02, 0.1, 0.1, 0.4], [0.0, 0.01, 0.05, 0.2, 0.3]]
    found = dose_response(bits, rising, rng=rng, draws=1999)
    assert found.correlation < -0.95
    assert found.p < 0.01
    alarms = [dose_response(bits, rng.normal(size=(3, 5)), rng=rng, draws=199).p <= 0.05 for _ in range(300)]
    assert numpy.mean(alarms) == pytest.approx(0.05, abs=0.035)


def test_one_seeds_trend_has_the_exact_p_of_scipy() -> None:
    """A p without the observed order among the draws can be 0."""
    x, y = [2, 3, 4, 6, 8], [5.0, 4.0, 3.5, 3.0, 3.2]
    exact = stats.permutation_test((y,), lambda v: stats.spearmanr(x, v).statistic, permutation_type="pairings", n_resamples=numpy.inf)
    found = dose_response(x, y, rng=numpy.random.default_rng(2))
    assert found.correlation == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.p == pytest.approx(exact.pvalue, abs=0.01)
    with pytest.raises(DataError, match="at least three different doses"):
        dose_response([8, 4], [1.0, 2.0], rng=numpy.random.default_rng(0))
