"""AdaRound keeps within a step of the weight and puts out what the layer did better than rounding to nearest."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from canforget.errors import SpecError
from canforget.quantization.adaround import adaround
from canforget.quantization.grid import Grid
from canforget.quantization.input_moments import output_errors, second_moments
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import RangeMethod
from canforget.rng import global_stream


def correlated(rng: Generator, *shape: int) -> Tensor:
    """Inputs whose columns go together, as those of images do, so that one weight's error can make good another's."""
    return torch.randn(*shape, generator=rng) * 0.5 + torch.randn(shape[0], 1, *[1] * (len(shape) - 2), generator=rng) + 0.3


CASES: dict[str, Any] = {
    "linear": (lambda: nn.Linear(24, 5), (200, 24), Grid(bits=3)),
    "convolution": (lambda: nn.Conv2d(3, 6, 3, padding=1), (20, 3, 6, 6), Grid(bits=4)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), (20, 4, 6, 6), Grid(bits=3, granularity="per_group", group_size=7)),
    "affine": (lambda: nn.Conv2d(3, 6, 3), (20, 3, 6, 6), Grid(bits=3, symmetric=False)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_output_is_nearer_than_with_nearest_and_codes_are_within_a_step(name: Any, rng: Generator) -> None:
    """The update of the wrong sign, or a choice that never hardens, ends no better than nearest."""
    make, shape, grid = CASES[name]
    with global_stream(rng):
        layer = make().requires_grad_(False)
    x = correlated(rng, *shape)
    start, found = codes_to_nearest(layer, grid, RangeMethod()), adaround(layer, grid, RangeMethod(), [x], iterations=300)
    moments = second_moments(layer, [x])
    errors = [output_errors(held.values() - layer.weight, moments) for held in (found, start)]
    assert bool((errors[0] <= errors[1] * (1 + 1e-5)).all())
    assert errors[0].sum() < 0.8 * errors[1].sum()
    assert int((found.codes.int() - start.codes.int()).abs().max()) == 1
    assert grid.low <= int(found.codes.min())
    assert int(found.codes.max()) <= grid.high


@torch.no_grad()
def test_it_chooses_among_the_best_of_all_ways_to_round_a_small_row(rng: Generator) -> None:
    """All 256 ways, tried one after another; its own is one of the best three."""
    layer = nn.Linear(8, 1, bias=False)
    layer.weight.copy_(torch.randn(1, 8, generator=rng))
    x, grid = correlated(rng, 100, 8), Grid(bits=3)
    moments = second_moments(layer, [x])
    found = adaround(layer, grid, RangeMethod(), [x])
    down = (layer.weight / found.scale).floor()
    ways = torch.tensor([[(way >> bit) & 1 for bit in range(8)] for way in range(256)])
    errors = torch.stack([output_errors((down + way).clamp(-3, 3) * found.scale - layer.weight, moments) for way in ways])
    assert float(output_errors(found.values() - layer.weight, moments)) <= float(errors.sort(0).values[2])


def test_floats_are_refused() -> None:
    """There is no up and down without integers."""
    with pytest.raises(SpecError, match="adaround chooses between integers, and float8_e4m3 has none"):
        adaround(nn.Linear(2, 2), Grid("e4m3"), RangeMethod(), [torch.ones(1, 2)])
