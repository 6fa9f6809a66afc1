"""Rebound, recovered fraction, claim and dose-response on numbers whose answer is known."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import Value
from canforget.evaluation.rebound import claim, dose_response, excess_rebound, rebound, recovered_fraction
from tests.narrowed import present

NOISE = numpy.linspace(-0.02, 0.02, 20)


def test_a_rebound_is_after_less_before_model_by_model() -> None:
    """Unpaired means hide which model moved."""
    assert rebound([0.5, 0.25], [0.25, 0.5]).tolist() == [0.25, -0.25]
    with pytest.raises(DataError, match="pair them by model"):
        rebound([1, 2], [1])


def test_the_excess_is_paired_by_seed() -> None:
    """Seeds differ more than the effect: unpaired, it would drown."""
    retrained = numpy.array([0.0, 0.3, -0.4, 0.2])
    found = excess_rebound(retrained + numpy.array([0.09, 0.10, 0.11, 0.10]), retrained)
    assert found.value == pytest.approx(0.1)
    assert found.interval == pytest.approx(stats.t.interval(0.95, 3, loc=0.1, scale=stats.sem([0.09, 0.10, 0.11, 0.10])))


def test_one_subject_is_held_against_the_band_of_one_more_retrained_model() -> None:
    """The interval of the mean of three retrained models would be half as wide."""
    g = [0.0, 0.1, 0.2]
    found = excess_rebound([0.5], g)
    half = stats.t.ppf(0.975, 2) * 0.1 * numpy.sqrt(4 / 3)
    assert found.interval == pytest.approx((0.4 - half, 0.4 + half))
    assert excess_rebound([0.5], [0.1]).interval is None
    assert excess_rebound([0.5], [0.1, 0.1], error=0.05).interval == pytest.approx((0.35, 0.45))
    with pytest.raises(DataError, match="pair them by seed"):
        excess_rebound([0.1, 0.2], [0.1, 0.2, 0.3])


def test_a_recovery_beyond_both_controls_is_claimed() -> None:
    """The rule must be able to say yes."""
    found = claim([0.30, 0.32, 0.31], [0.01, 0.0, 0.02], NOISE)
    assert found.recovered
    assert found.noise_p == pytest.approx(1 / 21)


def test_a_drift_that_retrained_models_share_is_no_recovery() -> None:
    """A ruined model drifts to chance, and forget accuracy rises from 0 to .1 without anything remembered."""
    found = claim([0.10, 0.11, 0.09], [0.10, 0.12, 0.10], NOISE)
    assert not found.recovered
    assert "retrained models move as far" in found.reason


def test_a_movement_that_random_noise_makes_too_is_no_recovery() -> None:
    """Weights pushed anywhere leave the narrow place that unlearning found: that is fragility, not memory in the rounding."""
    found = claim([0.10, 0.11, 0.09], [0.0, 0.0, 0.01], NOISE + 0.1)
    assert not found.recovered
    assert "random noise" in found.reason


def test_a_claim_needs_enough_noise_and_a_band() -> None:
    """With ten draws the least p is .09."""
    with pytest.raises(NotMeasurable, match="19 draws"):
        claim([0.3, 0.3], [0.0, 0.0], NOISE[:10])
    with pytest.raises(NotMeasurable):
        claim([0.3], [0.0], NOISE)


def test_noise_is_averaged_over_seeds_draw_by_draw() -> None:
    """A single seed's noise spreads more than a mean over seeds does, and would hide a recovery."""
    noise = numpy.stack([NOISE + 0.3, NOISE - 0.3], axis=1)
    assert claim([0.10, 0.12], [0.0, 0.0], noise).noise_p == pytest.approx(1 / 21)


def test_the_recovered_fraction_covers_the_truth_as_often_as_it_says() -> None:
    """The interval of a quotient is not the quotient of intervals, and means over shared retrained models vary together."""
    rng, held = numpy.random.default_rng(0), []
    for _ in range(600):
        g = rng.normal(0, 0.05, 6)
        found = recovered_fraction(0.3 + rng.normal(0, 0.05, 6), 1.0 + rng.normal(0, 0.05, 6), g)
        low, high = present(found.interval)
        held.append(low <= 0.3 <= high)
    assert numpy.mean(held) == pytest.approx(0.95, abs=0.03)


def test_nothing_to_come_back_is_not_run() -> None:
    """.01 / .001 = 10 would be read as tenfold recovery."""
    with pytest.raises(NotMeasurable, match="three standard errors"):
        recovered_fraction([0.01, 0.0, 0.02], [0.1, 0.0, -0.1], [0.0, 0.05, -0.05])
    with pytest.raises(NotMeasurable):
        recovered_fraction([0.5], [1.0], [0.0])
    with pytest.raises(DataError, match="pair them by seed"):
        recovered_fraction([1, 2], [1, 2, 3], [1, 2])


def test_two_seeds_give_a_fraction_without_an_interval() -> None:
    """Fieller's interval is unbounded there; a bounded one would be invented."""
    found = recovered_fraction([0.5, 0.6], [1.0, 0.8], [0.0, 0.05])
    assert isinstance(found, Value)
    assert found.interval is None


@given(st.floats(0.1, 10))
def test_the_recovered_fraction_has_no_unit(scale: Any) -> None:
    """Points and fractions must give the same."""
    u, o, g = (numpy.array(v) for v in ([0.5, 0.4, 0.6], [1.0, 0.9, 1.0], [0.0, 0.1, 0.0]))
    one, two = recovered_fraction(u, o, g), recovered_fraction(scale * u, scale * o, scale * g)
    assert one.value == pytest.approx(two.value)
    assert one.interval == pytest.approx(two.interval)


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
