"""Coin-flip audits against enumeration, scipy's binomial, slow loops, and worlds simulated from known answers."""

from itertools import combinations
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canforget.errors import CanforgetError
from canforget.evaluation import coin_flips
from canforget.evaluation.statistics import auc

RNG = numpy.random.default_rng


def world(rng: numpy.random.Generator, n: Any = 200, effect: Any = 0.0) -> Any:
    """Scores of one model and the coins; an image tossed in scores `effect` higher."""
    coins = rng.random(n) < 0.5
    return rng.normal(0, 1, n) + effect * coins, coins


def test_a_permutation_p_is_that_of_all_exchanges() -> None:
    """Against every way in which four of nine coins may fall in, ties included."""
    scores, coins = numpy.array([3, 1, 2, 2, 5, 0, 4, 2, 1.0]), numpy.arange(9) < 4
    every = [auc(scores[list(c)], numpy.delete(scores, list(c))) for c in combinations(range(9), 4)]
    found = coin_flips.permutation_test(scores, coins, rng=RNG(0), draws=40_000)
    own = auc(scores[:4], scores[4:])
    assert found.value == pytest.approx(own)
    assert found.expected == pytest.approx(0.5, abs=2e-3)
    assert found.p_above == pytest.approx(numpy.mean(numpy.array(every) >= own - 1e-12), abs=0.01)
    assert found.p_below == pytest.approx(numpy.mean(numpy.array(every) <= own + 1e-12), abs=0.01)


def test_any_statistic_may_be_asked_and_coins_stay_in_their_class() -> None:
    """Exchanging coins between classes would take the classes' difference for memory."""
    labels, coins = numpy.repeat([0, 1], 50), numpy.repeat([True, False, True, False], [40, 10, 10, 40])
    scores = labels + RNG(1).normal(0, 0.1, 100)
    seen = []

    def difference(s: Any, c: Any) -> Any:
        seen.append((c[:50].sum(), c[50:].sum()))
        return s[c].mean() - s[~c].mean()

    found = coin_flips.permutation_test(scores, coins, rng=RNG(1), strata=labels, statistic=difference, draws=200)
    assert set(seen) == {(40, 10)}
    assert found.p > 0.05
    assert coin_flips.permutation_test(scores, coins, rng=RNG(1), draws=200).p < 0.05


def test_p_is_uniform_and_epsilon_at_most_seldom_above_0_where_nothing_is_known() -> None:
    """A hundred worlds whose models know nothing of the coins."""
    rng, ps, bounds = RNG(2), [], []
    for _ in range(100):
        scores, coins = world(rng)
        ps.append(coin_flips.permutation_test(scores, coins, rng=rng, draws=499).p_above)
        bounds.append(coin_flips.epsilon_lower_bound(scores, coins, two_sided=True).epsilon)
    assert stats.kstest(ps, "uniform").pvalue > 0.01
    assert numpy.mean(numpy.array(bounds) > 0) <= 0.05


def test_what_is_known_is_found() -> None:
    """An audit that never says yes is valid, too."""
    scores, coins = world(RNG(3), 400, effect=3.0)
    assert coin_flips.permutation_test(scores, coins, rng=RNG(0), draws=999).p_above == 0.001
    assert coin_flips.epsilon_lower_bound(scores, coins).epsilon > 1
    assert coin_flips.epsilon_lower_bound(-scores, coins).epsilon == 0
    assert coin_flips.epsilon_lower_bound(-scores, coins, two_sided=True).epsilon > 1


@given(guesses=st.integers(1, 300), share=st.floats(0, 1))
def test_epsilon_is_the_largest_that_the_binomial_rejects(guesses: Any, share: Any) -> None:
    """By scipy's binomial tail: at the bound the tail is α, a little above it more."""
    right = round(share * guesses)
    epsilon = coin_flips.epsilon_of_guesses(right, guesses)

    def chance(e: Any) -> Any:
        return stats.binom.sf(right - 1, guesses, 1 / (1 + numpy.exp(-e)))

    if epsilon > 0:
        assert chance(epsilon) == pytest.approx(0.05, rel=1e-6)
    else:
        assert chance(1e-9) > 0.0499999


def test_the_bound_is_the_published_one() -> None:
    """All of 100,000 guesses right bound ε by ln(1/(1 - .05^(1/r)) - 1), as in the paper's idealized setting."""
    r = 100_000
    assert coin_flips.epsilon_of_guesses(r, r) == pytest.approx(-numpy.log(numpy.expm1(-numpy.log(0.05) / r)), abs=1e-6)


def test_epsilon_stays_under_the_truth() -> None:
    """Randomized response at ε = 1 answers rightly in e/(1+e) of cases."""
    rng, over = RNG(4), []
    for _ in range(300):
        coins = rng.random(300) < 0.5
        honest = rng.random(300) < numpy.e / (1 + numpy.e)
        scores = numpy.where(coins == honest, 1.0, -1.0) * (1 + rng.random(300))
        over.append(coin_flips.epsilon_lower_bound(scores, coins).epsilon > 1)
    assert numpy.mean(over) <= 0.05


def test_ties_across_a_cut_abstain() -> None:
    """In an array of members first, equal scores in their order would be guessed rightly for nothing."""
    scores, coins = numpy.zeros(100), numpy.arange(100) < 50
    found = coin_flips.epsilon_lower_bound(scores, coins, shares=[0.1, 1.0])
    assert (found.epsilon, found.guesses) == (0, 0)
    guesses = coin_flips.guess([5, 4, 4, 4, 1, 0], 2 / 3)
    assert guesses.tolist() == [1, 0, 0, 0, -1, -1]


def test_coins_that_are_missing_or_all_alike_are_refused() -> None:
    """An AUC of nobody against somebody is NaN."""
    for scores, coins in (([1.0, 2.0], [True, True]), ([1.0, numpy.nan], [True, False]), ([1.0], [True, False])):
        with pytest.raises(CanforgetError, match="coin flips"):
            coin_flips.permutation_test(scores, coins, rng=RNG(0))


def test_swap_twins_cancel_difficulty_and_drift_and_have_the_interval_they_claim() -> None:
    """Two models that differ by 5 as wholes, images by 10 in difficulty, and .3 through training."""
    rng, held, widths = RNG(15), [], []
    for _ in range(2000):
        hard, coins = rng.normal(0, 10, 120), rng.random(120) < 0.5
        one = hard + 0.3 * coins + rng.normal(0, 1, 120)
        twin = hard + 5 + 0.3 * ~coins + rng.normal(0, 1, 120)
        low, high = coin_flips.swap_twin(one, twin, coins).interval()
        held.append(low <= 0.3 <= high)
        widths.append(high - low)
    assert 0.93 <= numpy.mean(held) <= 0.97
    assert max(widths) < 1
    found, s = coin_flips.swap_twin(one, twin, coins), (one, twin)
    parts = [s[0][coins].mean() - s[0][~coins].mean(), s[1][~coins].mean() - s[1][coins].mean()]
    assert found.estimate == pytest.approx(sum(parts) / 2)


@pytest.mark.parametrize("shrink", [False, True])
def test_likelihood_ratios_are_those_of_a_slow_loop(shrink: Any) -> None:
    """Image by image, each world left out of its own fit."""
    rng = RNG(6)
    coins = rng.permuted(numpy.repeat([[True] * 5, [False] * 5], 4, axis=0), axis=0)
    scores = rng.normal(0, 1, (8, 5)) + coins
    found = coin_flips.likelihood_ratios(scores, coins)
    for w in range(8):
        rest = [k for k in range(8) if k != w]
        for i in range(5):
            total = 0.0
            for side, sign in ((True, 1), (False, -1)):
                columns = [[scores[k, j] for k in rest if coins[k, j] == side] for j in range(5)]
                squares = sum(sum((x - numpy.mean(c)) ** 2 for x in c) for c in columns if c)
                sd = numpy.sqrt(squares / sum(len(c) - 1 for c in columns if c) * (1 + 1 / len(columns[i])))
                total += sign * stats.norm.logpdf(scores[w, i], numpy.mean(columns[i]), sd)
            if not shrink:
                assert found[w, i] == pytest.approx(total)
    if shrink:
        assert numpy.isfinite(coin_flips.likelihood_ratios(scores, coins, shrink=True)).all()


@pytest.mark.parametrize("shrink", [False, True])
def test_a_world_left_out_of_its_own_fit_knows_nothing_and_memory_is_seen(shrink: Any) -> None:
    """A fit that holds the judged world finds an AUC above .5 where there is nothing."""
    rng = RNG(7)
    coins, hard = rng.random((16, 400)) < 0.5, rng.normal(0, 3, 400)
    null = hard + rng.normal(0, 1, (16, 400))
    areas = {}
    for name, scores in (("null", null), ("memory", null + 1.0 * coins)):
        ratios = coin_flips.likelihood_ratios(scores, coins, shrink=shrink)
        areas[name] = numpy.mean([auc(r[c], r[~c]) for r, c in zip(ratios, coins)])
        areas[f"raw {name}"] = numpy.mean([auc(s[c], s[~c]) for s, c in zip(scores, coins)])
    assert areas["null"] == pytest.approx(0.5, abs=0.02)
    assert areas["memory"] > 0.7 > 0.62 > areas["raw memory"]


def test_an_image_that_the_other_worlds_hold_on_one_side_only_is_not_judged() -> None:
    """Its out-model has no mean: the ratio is 0, not NaN."""
    coins = numpy.array([[1, 1], [1, 0], [1, 1], [1, 0], [1, 1], [1, 0]], dtype=bool)
    found = coin_flips.likelihood_ratios(RNG(8).normal(0, 1, (6, 2)), coins)
    assert (found[:, 0] == 0).all() and (found[:, 1] != 0).all()
    with pytest.raises(CanforgetError, match="U-LiRA"):
        coin_flips.likelihood_ratios([[numpy.inf]], [[True]])
