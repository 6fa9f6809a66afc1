"""Moderated comparisons against scipy's t tests and Dunnett, the defining equations, and by simulated coverage."""

from typing import Any, Literal

import numpy
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from canforget.errors import CanforgetError
from canforget.evaluation import moderated

RNG = numpy.random.default_rng


def test_two_groups_are_compared_by_welchs_test() -> None:
    """With two groups nothing is known of how variances vary: each must keep its own."""
    u, g = RNG(0).normal(0, 1, 4), RNG(1).normal(0, 5, 6)
    found = moderated.against_retrained({"a": u}, g)["a"]
    expected = stats.ttest_ind(u, g, equal_var=False)
    assert found.p() == pytest.approx(expected.pvalue)
    assert found.interval() == pytest.approx(expected.confidence_interval())
    sides: list[tuple[Literal["above", "below"], Literal["greater", "less"]]] = [("above", "greater"), ("below", "less")]
    for side, alternative in sides:
        assert found.p(side) == pytest.approx(stats.ttest_ind(u, g, equal_var=False, alternative=alternative).pvalue)
    assert found.upper() == pytest.approx(stats.ttest_ind(u, g, equal_var=False, alternative="less").confidence_interval().high)
    assert found.lower() == pytest.approx(stats.ttest_ind(u, g, equal_var=False, alternative="greater").confidence_interval().low)


def test_groups_that_vary_alike_share_one_variance() -> None:
    """The pooled variance then has all degrees of freedom, and no more."""
    groups = [numpy.array([-1.0, 0.0, 1.0]) + k for k in range(50)]
    *_, u, g = moderated.model_means(groups)
    found = moderated.combined([(1, u), (-1, g)])
    assert (found.freedom, found.error) == pytest.approx((100, numpy.sqrt(2 / 3)))


def test_the_prior_solves_smyths_equations() -> None:
    """d0 and s0² by their definitions, from a slow loop."""
    d = numpy.array([2.0, 3, 4, 5, 2, 3, 9, 2] * 6)
    s2 = RNG(5).chisquare(d) / d * numpy.array([1, 8, 0.1, 2, 30, 0.5, 1, 4] * 6)
    prior = moderated.variance_prior(s2, d)
    e = [numpy.log(a) - digamma(b / 2) + numpy.log(b / 2) for a, b in zip(s2, d)]
    mean = sum(e) / len(e)
    spread = sum((x - mean) ** 2 / (len(e) - 1) - polygamma(1, b / 2) / len(e) for x, b in zip(e, d))
    assert polygamma(1, prior.freedom / 2) == pytest.approx(spread)
    assert numpy.log(prior.variance) == pytest.approx(mean + digamma(prior.freedom / 2) - numpy.log(prior.freedom / 2))
    variance, freedom = prior.moderate(s2[1], 3)
    assert variance == pytest.approx((prior.freedom * prior.variance + 3 * s2[1]) / (prior.freedom + 3))
    assert freedom == pytest.approx(prior.freedom + 3)


def test_few_groups_are_not_pooled_for_their_intervals_would_be_too_narrow() -> None:
    """At nine groups of three models whose deviations differ (d0 4), pooled 95 % intervals held in 91 % of 1,500 worlds."""
    rng, held = RNG(7), 0
    for _ in range(600):
        deviations = numpy.sqrt(4 / rng.chisquare(4, 9))
        *unlearned, retrained = [rng.normal(0, deviation, size) for deviation, size in zip(deviations, [3] * 8 + [5])]
        low, high = moderated.against_retrained({str(i): u for i, u in enumerate(unlearned)}, retrained)["0"].interval()
        held += low <= 0 <= high
    assert 0.93 <= held / 600 <= 0.975


def test_the_prior_is_found_again() -> None:
    """From 4,000 groups, the numbers that they were drawn with."""
    rng, d0, s0 = RNG(2), 6.0, 0.5
    truth = s0 * d0 / rng.chisquare(d0, 4000)
    prior = moderated.variance_prior(truth * rng.chisquare(4, 4000) / 4, numpy.full(4000, 4))
    assert prior.freedom == pytest.approx(6, rel=0.15)
    assert prior.variance == pytest.approx(0.5, rel=0.05)


def test_models_that_do_not_vary_differ_surely_or_not_at_all() -> None:
    """A division by an error of 0 is neither."""
    found = moderated.against_retrained({"same": [0, 0], "other": [1, 1], "third": [0, 0]}, [0, 0, 0])
    assert (found["same"].p(), found["other"].p()) == (1, 0)
    assert found["same"].equivalence(0.01).holds and not found["other"].equivalence(0.01).holds


def test_equivalence_is_two_one_sided_tests() -> None:
    """Against scipy's one-sided tests at both ends of the margin."""
    u, g = RNG(4).normal(0, 1, 8), RNG(5).normal(0, 1, 8)
    found = moderated.against_retrained({"a": u}, g)["a"].equivalence(1.5)
    ends = [stats.ttest_ind(u + m, g, equal_var=False, alternative=a).pvalue for m, a in ((1.5, "greater"), (-1.5, "less"))]
    assert found.p == pytest.approx(max(ends))


def test_a_margin_never_exceeds_a_quarter_of_the_memory() -> None:
    """±.03 acquits the original of a net that remembers .03."""
    assert moderated.equivalence_margin(0.03, 0.02) == 0.005
    assert moderated.equivalence_margin(0.03, -0.1) == 0


@pytest.mark.parametrize("groups", [[[0.1]], [[0.1], [0.2]], [[], [1.0, 2.0]], [[numpy.nan, 1.0], [1.0, 2.0]]])
def test_means_without_any_error_to_judge_by_are_refused(groups: Any) -> None:
    """Two single models tell nothing about seeds."""
    with pytest.raises(CanforgetError, match="over seeds"):
        moderated.model_means(groups)


@pytest.mark.parametrize("d0", [4.0, 20.0, numpy.inf])
def test_moderated_intervals_hold_the_truth_as_often_as_they_say(d0: Any) -> None:
    """Over eight unlearners of three seeds against five retrained models; Welch's are wide, a wrong pool too narrow."""
    rng = RNG(6)
    held: list[bool] = []
    for _ in range(400):
        sd = numpy.sqrt(d0 / rng.chisquare(d0, 9)) if numpy.isfinite(d0) else numpy.ones(9)
        *subjects, reference = moderated.model_means([*(rng.normal(0, s, 3) for s in sd[:8]), rng.normal(0, sd[8], 5)])
        ends = [moderated.combined([(1, s), (-1, reference)]).interval() for s in subjects]
        held += [low <= 0 <= high for low, high in ends]
    assert 0.93 <= numpy.mean(held) <= 0.97


@pytest.mark.parametrize("models_differ", [0.0, 1.0])
@pytest.mark.parametrize("count", [3, 6])
def test_the_band_holds_one_more_retrained_model(count: Any, models_differ: Any) -> None:
    """Both where models differ as a whole and where only their errors on single images do; retrained models alike by luck included."""
    rng, held = RNG(7), []
    for _ in range(1500):
        shares = rng.normal(0, 1, (count + 1, 60)) + models_differ * rng.normal(0, 0.3, (count + 1, 1))
        error = moderated.paired_image_error((shares[0], shares[1:]))
        low, high = moderated.one_against_band(shares[0].mean(), shares[1:].mean(axis=1), error).interval()
        held.append(low <= 0 <= high)
    assert 0.94 <= numpy.mean(held) <= 0.99


def test_retrained_models_alike_by_luck_do_not_convict() -> None:
    """Three equal values have a band of no width: the images' own error stands in."""
    assert moderated.one_against_band(0.51, [0.5, 0.5, 0.5]).p() == 0
    assert moderated.one_against_band(0.51, [0.5, 0.5, 0.5], image_error=0.01).p() == pytest.approx(0.3173, abs=1e-4)
    with pytest.raises(CanforgetError, match="at least three"):
        moderated.one_against_band(0.5, [0.5, 0.5])
