"""The mechanism's figures on weights made for it, and the theory of flipped codes."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import DataError
from canforget.evaluation.code_flips import mechanism, symmetric


def dithered(fraction: float, seed: int = 0, n: int = 60_000) -> Any:
    """Weights spread evenly over a 4-bit grid of step .5, and the same moved by `fraction` of a step."""
    rng = numpy.random.default_rng(seed)
    w = rng.uniform(-3, 3, size=(1, n))
    w[0, 0] = 3.5
    moved = w + fraction * 0.5 * rng.choice([-1, 1], size=w.shape)
    moved[0, 0] = 3.5
    return {"layer": w}, {"layer": moved}


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.49, 0.8, 1.0])
def test_codes_flip_with_the_chance_of_the_step_crossed(fraction: Any) -> None:
    """It is often said that an update below half a step leaves the codes alone."""
    found = mechanism(*dithered(fraction), bits=4).together
    assert found.flip_rate_shared == pytest.approx(fraction, abs=0.01)
    assert found.expected_flip_rate == pytest.approx(fraction, abs=1e-3)


@pytest.mark.parametrize("fraction", [0.1, 0.4])
def test_an_update_below_half_a_step_survives_on_average(fraction: Any) -> None:
    """Rounding dithers: few codes flip, each by a whole step."""
    found = mechanism(*dithered(fraction), bits=4).together
    assert found.retained_projection == pytest.approx(1, abs=0.05)


def test_weights_on_the_grid_lose_every_update_below_half_a_step() -> None:
    """The theory needs dither: weights that were already rounded come back whole."""
    w = numpy.array([[3.5, 1.0, -2.0, 0.5]])
    found = mechanism({"a": w}, {"a": w + numpy.array([[0, 0.2, 0.2, -0.2]])}, bits=4).together
    assert (found.flip_rate_shared, found.retained_projection) == (0, 0)


def test_own_steps_move_with_the_largest_weight() -> None:
    """With shared steps alone, a change of scale by one weight is overlooked."""
    w = numpy.random.default_rng(0).uniform(-1, 1, size=(1, 500))
    grown = w.copy()
    grown[0, 0] = 3.0
    found = mechanism({"a": w}, {"a": grown}, bits=4).together
    assert found.flip_rate_shared <= 1 / 500
    assert found.flip_rate_own > 0.3


def test_figures_by_hand() -> None:
    """‖δ‖, ‖noise‖ and ‖o‖ each of the right model."""
    o, u = numpy.array([[7.0, 0.0]]), numpy.array([[7.0, 2.25]])
    found = mechanism({"a": o}, {"a": u}, bits=4).layers["a"]
    assert found.relative_update == pytest.approx(2.25 / 7)
    assert found.signal_to_noise == pytest.approx(2.25 / 0.25)
    assert found.retained_projection == pytest.approx(2 / 2.25)
    assert found.weights == 2


def test_an_update_of_nothing_has_no_projection() -> None:
    """0 / 0."""
    w = {"a": numpy.array([[1.0, 0.3]])}
    found = mechanism(w, w, bits=4).together
    assert (found.flip_rate_own, found.retained_projection, found.signal_to_noise) == (0, None, 0)
    assert mechanism({"a": numpy.zeros((1, 2))}, {"a": numpy.zeros((1, 2))}, bits=4).together.relative_update is None


def test_channels_have_steps_of_their_own() -> None:
    """One step for all makes the small channel all zero."""
    w = numpy.array([[100.0, 50.0], [1.0, 0.5]])
    assert symmetric(w, 4).codes.tolist() == [[7, 4], [7, 4]]
    assert symmetric(w, 4, per_channel=False).codes.tolist() == [[7, 4], [0, 0]]


@given(st.integers(2, 8), st.integers(0, 50))
def test_rounding_errs_by_at_most_half_a_step(bits: Any, seed: Any) -> None:
    """Codes outside the range, or truncation in place of rounding."""
    w = numpy.random.default_rng(seed).normal(size=(3, 8))
    found = symmetric(w, bits)
    assert abs(found.codes).max() == 2 ** (bits - 1) - 1
    assert (abs(found.values - w) <= found.step / 2 + 1e-12).all()


def test_layers_are_weighted_by_their_weights_in_the_sum() -> None:
    """A mean over layers lets a layer of ten weights speak as loudly as one of a million."""
    big, small = numpy.full((1, 90), 7.0), numpy.full((1, 10), 7.0)
    changed = small.copy()
    changed[0, 1:] = 0
    found = mechanism({"a": big, "b": small, "bias": numpy.ones(3)}, {"a": big, "b": changed}, bits=4)
    assert found.together.flip_rate_shared == pytest.approx(0.09)
    assert sorted(found.layers) == ["a", "b"]


def test_models_of_other_shapes_are_refused() -> None:
    """Broadcasting would compare them all the same."""
    with pytest.raises(DataError, match="a: missing or of another shape"):
        mechanism({"a": numpy.ones((2, 2))}, {"a": numpy.ones((2, 1))}, bits=4)
    with pytest.raises(DataError, match="nothing that would be rounded"):
        mechanism({"a": numpy.ones(2)}, {"a": numpy.ones(2)}, bits=4)
