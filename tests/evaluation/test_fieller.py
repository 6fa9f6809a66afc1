"""Quotients against Fieller's closed form, test inversion and simulated coverage."""

from typing import Any

import numpy
import pytest
from scipy import stats

from canforget.errors import CanforgetError
from canforget.evaluation.fieller import memory_signal, quotient_of, residue_fraction
from canforget.evaluation.moderated import ModelMean, model_means


def fixed(mean: Any, variance: Any, freedom: Any = 12) -> Any:
    return ModelMean(mean, variance, freedom, 5, freedom)


def closed_form(a: Any, b: Any, vaa: Any, vbb: Any, vab: Any, t: Any) -> Any:
    """The two roots of (a - f b)² = t² (vaa - 2 f vab + f² vbb)."""
    return sorted(numpy.roots([b * b - t * t * vbb, -2 * (a * b - t * t * vab), a * a - t * t * vaa]).real)


def test_bounds_are_the_roots_of_fiellers_equation() -> None:
    """The retrained models stand in both differences: without their covariance the bounds are wrong."""
    u, o, g = fixed(0.60, 4e-5), fixed(0.72, 1e-4), fixed(0.50, 9e-5)
    found = residue_fraction(u, o, g)
    args = (0.10, 0.22, 13e-5, 19e-5, 9e-5)
    assert found.value == pytest.approx(0.10 / 0.22)
    assert found.interval == pytest.approx(closed_form(*args, stats.t.ppf(0.975, 12)), abs=1e-9)
    assert found.upper == pytest.approx(closed_form(*args, stats.t.ppf(0.95, 12))[1], abs=1e-9)


def test_covariance_of_two_measures_of_the_same_models_counts() -> None:
    """The change of g stands above, quantized g below: they vary together."""
    a, b = fixed(0.05, 2e-5), fixed(0.2, 8e-5)
    found = quotient_of([(1, a)], [(1, b)], covariance=1e-5)
    assert found.interval == pytest.approx(closed_form(0.05, 0.2, 2e-5, 8e-5, 1e-5, stats.t.ppf(0.975, 12)), abs=1e-9)
    flipped = quotient_of([(-1, a)], [(-1, b)], covariance=1e-5)
    assert flipped.value == found.value and flipped.interval == pytest.approx(found.interval)


def test_of_nothing_there_is_no_fraction() -> None:
    """A quotient whose denominator may be 0 can be any number."""
    u, o, g = model_means([[0.51, 0.52, 0.50], [0.52, 0.50, 0.53], [0.50, 0.49, 0.51]])
    assert memory_signal(o, g).standard_errors < 3
    with pytest.raises(CanforgetError, match="under three standard errors"):
        residue_fraction(u, o, g)


def test_a_signal_that_t_does_not_see_has_no_finite_bound() -> None:
    """Beyond three standard errors, and yet within t at two degrees of freedom."""
    found = quotient_of([(1, fixed(0.1, 1e-4, 2))], [(1, fixed(0.35, 1e-2, 2))])
    assert found.interval is None
    assert quotient_of([(1, fixed(0.1, 1e-4, 1))], [(1, fixed(0.35, 1e-2, 1))]).upper == numpy.inf


@pytest.mark.parametrize("truth", [0.0, 0.25, 1.0])
def test_fractions_are_within_their_bounds_as_often_as_these_say(truth: Any) -> None:
    """Seeds differ, and so do the variances of the three kinds of models."""
    rng, inside, below = numpy.random.default_rng(0), [], []
    for _ in range(700):
        u, o, g = rng.normal(0.5 + 0.2 * truth, 0.015, 4), rng.normal(0.7, 0.02, 4), rng.normal(0.5, 0.015, 6)
        found = residue_fraction(*model_means([u, o, g]))
        low, high = found.interval or (-numpy.inf, numpy.inf)
        inside.append(low <= truth <= high)
        below.append(truth <= found.upper)
    assert 0.93 <= numpy.mean(inside) <= 0.97
    assert 0.93 <= numpy.mean(below) <= 0.97
