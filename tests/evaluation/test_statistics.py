"""Every statistic against scipy, scikit-learn or a slow obvious loop."""

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from canforget.evaluation import statistics
from tests.narrowed import present

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=25)
seeds = st.lists(st.floats(-10, 10), min_size=3, max_size=12)


@given(n=st.integers(1, 400), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.9, 0.95]))
def test_proportions_have_the_intervals_of_scipy(n: Any, share: Any, confidence: Any) -> None:
    """A normal approximation would give no width at 0 and 1."""
    k = round(share * n)
    exact = stats.binomtest(k, n)
    numpy.testing.assert_allclose(statistics.wilson(k, n, confidence), exact.proportion_ci(confidence, method="wilson"), atol=1e-12)
    numpy.testing.assert_allclose(statistics.clopper_pearson(k, n, confidence), exact.proportion_ci(confidence, method="exact"), atol=1e-9)


@given(seeds)
def test_the_interval_of_the_mean_is_students(values: Any) -> None:
    """z in place of t is far too narrow at three seeds."""
    x = numpy.array(values)
    if x.std() < 1e-6:
        return
    expected = stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=stats.sem(x))
    numpy.testing.assert_allclose(present(statistics.t_interval(x)), expected, rtol=1e-9, atol=1e-9)


def test_one_value_has_no_interval() -> None:
    """A standard deviation of one value is NaN."""
    assert statistics.t_interval([1.0]) is None
    assert statistics.prediction_interval([1.0]) is None


@pytest.mark.parametrize(("models", "half"), [(2, 15.56), (3, 4.97), (5, 3.04)])
def test_the_band_of_one_more_model_has_the_stated_width(models: Any, half: Any) -> None:
    """Two retrained models have a band of 15.6 standard deviations, not of 2."""
    x = numpy.arange(models, dtype=float)
    low, high = present(statistics.prediction_interval(x))
    assert (high - low) / 2 / x.std(ddof=1) == pytest.approx(half, abs=0.01)


def test_the_band_of_one_more_model_holds_one_more_model_as_often_as_it_says() -> None:
    """An interval of the mean, in its place, would miss most new models."""
    draws = numpy.random.default_rng(0).normal(size=(4000, 5))
    held = [low <= x[4] <= high for x in draws for low, high in [present(statistics.prediction_interval(x[:4]))]]
    assert numpy.mean(held) == pytest.approx(0.95, abs=0.015)


@given(numbers)
def test_ranks_share_ties_as_in_scipy(values: Any) -> None:
    """Ranks in order of appearance give ties to whichever set comes first."""
    numpy.testing.assert_array_equal(statistics.midranks(values), stats.rankdata(values))


@given(members=numbers, others=numbers)
def test_auc_is_that_of_scikit_learn_ties_included(members: Any, others: Any) -> None:
    """An AUC by sorting alone counts ties as wins or losses."""
    truth = [1] * len(members) + [0] * len(others)
    assert statistics.auc(members, others) == pytest.approx(roc_auc_score(truth, members + others), abs=1e-12)


@given(members=numbers, others=numbers)
@settings(max_examples=50)
def test_delong_variance_is_that_of_all_pairs(members: Any, others: Any) -> None:
    """The midrank shortcut must equal the definition over all m·n pairs."""
    wins = numpy.array([[(x > y) + 0.5 * (x == y) for y in others] for x in members])
    expected = sum(c.var(ddof=1) / len(c) for c in (wins.mean(axis=1), wins.mean(axis=0)) if len(c) > 1)
    found = statistics.delong(members, others)
    assert found.variance == pytest.approx(expected, abs=1e-12)
    low, high = found.interval()
    assert 0 <= low <= found.auc + 1e-12
    assert found.auc - 1e-12 <= high <= 1


def test_delong_intervals_cover_the_true_auc_as_often_as_they_say() -> None:
    """A variance that forgets one of the two samples is too small by half."""
    rng = numpy.random.default_rng(1)
    truth = stats.norm.cdf(0.5 / numpy.sqrt(2))
    found = [statistics.delong(rng.normal(0.5, 1, 60), rng.normal(0, 1, 80)).interval() for _ in range(800)]
    assert numpy.mean([low <= truth <= high for low, high in found]) == pytest.approx(0.95, abs=0.025)


def test_perfect_separation_still_has_an_interval() -> None:
    """DeLong's variance is 0 there, and an interval of no width would claim certainty from three images."""
    low, high = statistics.delong([3.0, 4.0, 5.0], [0.0, 1.0, 2.0]).interval()
    assert low == pytest.approx(0.292, abs=0.001)
    assert high == 1.0
    low, high = statistics.delong([0.0], [1.0]).interval()
    assert low == 0.0
    assert high == pytest.approx(0.975)


def test_two_models_on_the_same_images_are_compared_with_their_covariance() -> None:
    """Adding the variances, as for unrelated images, makes every difference look like noise."""
    rng = numpy.random.default_rng(2)
    easy, other = rng.normal(1, 1, 200), rng.normal(0, 1, 200)
    one = statistics.delong(easy, other)
    two = statistics.delong(easy + rng.normal(0, 0.05, 200), other)
    low, high = statistics.delong_difference(one, [two])
    assert low <= one.auc - two.auc <= high
    assert high - low < 0.1 * (one.interval()[1] - one.interval()[0])


probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(probabilities)
def test_holm_rejects_what_the_step_down_procedure_rejects(p: Any) -> None:
    """Adjusted p that are not monotone reject a weaker result and keep a stronger one."""
    adjusted = statistics.holm(p)
    for level in (0.05, 0.2):
        rejected = numpy.zeros(len(p), dtype=bool)
        for k, place in enumerate(numpy.argsort(p, kind="stable")):
            if p[place] * (len(p) - k) > level:
                break
            rejected[place] = True
        numpy.testing.assert_array_equal(adjusted <= level, rejected)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_jensen_shannon_is_scipys_squared_distance_in_bits(pairs: Any) -> None:
    """Zeros must give 0 · ln 0 = 0, not NaN."""
    p, q = numpy.array(pairs).T + numpy.array([[1e-3], [1e-3]])
    p, q = p / p.sum(), q / q.sum()
    with numpy.errstate(invalid="ignore"):  # scipy takes the root of a tiny negative number where p and q are the same
        expected = numpy.nan_to_num(jensenshannon(p, q, base=2) ** 2)
    assert statistics.jensen_shannon([p], [q])[0] == pytest.approx(expected, abs=1e-9)
    assert statistics.jensen_shannon([[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.5, 0.5]]).tolist() == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=10))
def test_rank_correlation_is_scipys_and_0_without_variation(pairs: Any) -> None:
    """scipy gives NaN for a constant side."""
    x, y = zip(*pairs)
    expected = stats.spearmanr(x, y).statistic if len(set(x)) > 1 and len(set(y)) > 1 else 0.0
    assert statistics.spearman(x, y) == pytest.approx(expected, abs=1e-12)
