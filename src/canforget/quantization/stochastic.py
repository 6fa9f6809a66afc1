"""Stochastic rounding: up or down by chance, so that a weight is right on average."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Generator, Tensor

from canforget.errors import SpecError
from canforget.quantization.grid import Codes, Grid, blocked, scales
from canforget.quantization.layer import coded
from canforget.quantization.ranges import RangeMethod, weight_range
from canforget.quantization.tracing import channel_axis


@torch.no_grad()
def stochastic(layer: Any, grid: Grid, clip: RangeMethod, inputs: Iterable[Tensor], *, rng: Generator) -> Codes:
    """Returns codes of which the upper neighbour has the probability that makes the expected value the weight; `inputs` are not looked at.

    Source: Gupta et al. 2015, https://arxiv.org/abs/1502.02551, section 3.1.
    """
    if grid.kind != "int":
        raise SpecError(f"stochastic rounding chooses between integers, and {grid.label} has none; take rounding=nearest")
    axis = channel_axis(layer)
    blocks = blocked(layer.weight.detach().float(), axis, grid)
    scale, zero = scales(*weight_range(blocks, grid, clip), grid)
    chance = torch.rand(blocks.shape, generator=rng).to(blocks)
    counted = (blocks / scale + chance).floor() + (0 if zero is None else zero)
    codes = counted.clamp(grid.low, grid.high).to(torch.int8 if grid.symmetric else torch.uint8)
    return coded(codes, scale, zero, grid, layer.weight.shape, axis)
