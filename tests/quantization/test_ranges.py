"""Ranges against slow searches and numpy's quantiles."""

from typing import Any

import numpy
import pytest
import torch
from torch import Generator, nn

from canforget.errors import SpecError
from canforget.quantization.grid import Grid, blocked, rounded, scales
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import Observer, RangeMethod, clipping_divergences, gain, least_error, weight_range


def observed(x: torch.Tensor) -> Observer:
    observer = Observer()
    for part in x.chunk(3):
        observer.see(part)
    observer.look_closer()
    for part in x.chunk(3):
        observer.see(part)
    return observer


def outliers(rng: Generator) -> torch.Tensor:
    x = torch.randn(30_000, generator=rng).relu()
    x[:3] = 40.0
    return x


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_range_of_least_error_is_the_best_of_all_tried(symmetric: Any, rng: Generator) -> None:
    """A search that keeps the last instead of the best fraction."""
    weight = torch.randn(3, 50, generator=rng) ** 3
    grid = Grid(bits=3, symmetric=symmetric)
    blocks = blocked(weight, 0, grid)
    low, high = weight_range(blocks, grid, RangeMethod())

    def error(fraction: float, row: int) -> float:
        scale, zero = scales(low * fraction, high * fraction, grid)
        return float((rounded(blocks, scale, zero, grid) - blocks)[row].square().sum())

    found = least_error(blocks, None, low, high, grid).flatten().tolist()
    for row, fraction in enumerate(found):
        assert error(fraction, row) <= min(error(f, row) for f in numpy.linspace(0.2, 1, 81)) * (1 + 1e-5)


def test_percentiles_of_activations_are_numpys_up_to_two_bins(rng: Generator) -> None:
    """An off-by-one in the cumulated histogram."""
    x = outliers(rng)
    low, high = observed(x).range(Grid(symmetric=False), RangeMethod("percentile", 99.9))
    assert low == 0.0
    assert high == pytest.approx(numpy.quantile(x.numpy(), 0.999), abs=2 * 40 / 2048)


def test_percentiles_of_weights_leave_that_share_outside(rng: Generator) -> None:
    """The tails of each row, not of the whole weight."""
    weight = torch.randn(2, 1000, generator=rng) * torch.tensor([[1.0], [10.0]])
    low, high = weight_range(blocked(weight, 0, Grid()), Grid(), RangeMethod("percentile", 99.0))
    outside = ((weight > high[..., 0]) | (weight < low[..., 0])).float().mean(1)
    assert outside.tolist() == pytest.approx([0.01, 0.01], abs=0.002)


@pytest.mark.parametrize("ranges", ["percentile", "mse", "entropy"])
def test_three_outliers_do_not_stretch_the_range(ranges: Any, rng: Generator) -> None:
    """With the extremes, three values in thirty thousand cost every other one four bits of eight; (at four bits, for mse)."""
    x = outliers(rng)
    grid = Grid(bits=4, symmetric=False)
    observer = observed(x)
    assert observer.range(grid, RangeMethod()) == (0.0, 40.0)
    assert observer.range(grid, RangeMethod(ranges, 99.9))[1] < 20


def test_the_divergence_is_least_where_nothing_is_clipped_and_nothing_merged() -> None:
    """Values that sit on the grid lose nothing; a range that cuts them off loses much."""
    centers = torch.arange(8).float()
    counts = torch.full((8,), 10.0, dtype=torch.float64)
    by_fraction = {round(f, 2): d for d, f in clipping_divergences(counts, centers, 0.0, 7.0, Grid(bits=3, symmetric=False))}
    assert by_fraction[1.0] == pytest.approx(0.0, abs=1e-9)
    assert by_fraction[0.5] > 0.1


def test_a_constant_activation_has_a_range() -> None:
    """A dead ReLU puts out zeros only."""
    assert observed(torch.zeros(9)).range(Grid(symmetric=False), RangeMethod("mse")) == (0.0, 0.0)


def test_impossible_ranges_are_refused() -> None:
    """A typing error must not fall back to min-max."""
    with pytest.raises(SpecError, match="no ranges 'max'"):
        RangeMethod("max")
    with pytest.raises(SpecError, match="percentile"):
        RangeMethod("percentile", 3.0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_weights_clipped_for_the_least_error_are_not_shortened(bits: Any, symmetric: Any, rng: Generator) -> None:
    """Each layer lost 1.2 % of its length at four bits, all in one direction: three bits of a ResNet-20 cost 18 points, and 9.6 without."""
    layer = nn.Linear(200, 5)
    layer.weight = nn.Parameter(torch.randn(5, 200, generator=rng) ** 3)
    grid = Grid(bits=bits, symmetric=symmetric)
    found = codes_to_nearest(layer, grid, RangeMethod("mse")).values()
    assert torch.allclose((found * layer.weight).sum(1), layer.weight.square().sum(1), rtol=1e-4)
    assert (found - layer.weight).square().sum() < 1.1 * (
        codes_to_nearest(layer, grid, RangeMethod()).values() - layer.weight
    ).square().sum()


def test_a_row_of_zeros_is_stretched_by_nothing() -> None:
    """0 / 0."""
    zeros = torch.zeros(1, 1, 4)
    assert gain(zeros, torch.ones(1, 1, 1), None, Grid()).tolist() == [[[1.0]]]
