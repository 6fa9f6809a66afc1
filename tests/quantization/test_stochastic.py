"""Stochastic rounding is right on average and within a step every time."""

from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.errors import SpecError
from canforget.quantization.grid import Grid
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import RangeMethod
from canforget.quantization.stochastic import stochastic
from canforget.rng import generator, global_stream
from tests.narrowed import present


def drawn_layer() -> nn.Linear:
    with global_stream(generator("layer")):
        return nn.Linear(40, 3).requires_grad_(False)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_mean_of_many_roundings_is_the_weight(symmetric: Any, rng: Generator) -> None:
    """A draw from [-1/2, 1/2] added before rounding to nearest would be right too; one from [0, 1] there would be biased upwards."""
    layer, grid = drawn_layer(), Grid(bits=3, symmetric=symmetric)
    drawn = [stochastic(layer, grid, RangeMethod(), [], rng=rng) for _ in range(600)]
    mean = torch.stack([held.values() for held in drawn]).mean(0)
    off = (mean - layer.weight).abs() / drawn[0].scale
    scaled = layer.weight / drawn[0].scale + (0 if symmetric else present(drawn[0].zero_point))
    inside = (scaled > grid.low) & (scaled < grid.high)
    assert int(inside.sum()) > 100
    assert float(off[inside].max()) < 5 * 0.5 / 600**0.5
    assert max(int((h.codes.int() - codes_to_nearest(layer, grid, RangeMethod()).codes.int()).abs().max()) for h in drawn[:20]) == 1


def test_the_seed_decides_every_code() -> None:
    """A record must be repeatable."""
    layer = drawn_layer()
    one, same, other = (stochastic(layer, Grid(bits=4), RangeMethod(), [], rng=generator(name)).codes for name in "aab")
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_floats_are_refused() -> None:
    """There is no up and down without integers."""
    with pytest.raises(SpecError, match="float8_e4m3 has none"):
        stochastic(nn.Linear(2, 2), Grid("e4m3"), RangeMethod(), [], rng=generator("a"))
