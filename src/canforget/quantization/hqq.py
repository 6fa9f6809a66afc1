"""HQQ: zero points moved until the rounded weight is near the original in a norm that forgives outliers; no images needed."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from canforget.errors import SpecError
from canforget.quantization.grid import Codes, Grid, blocked, scales
from canforget.quantization.layer import coded
from canforget.quantization.ranges import RangeMethod, weight_range
from canforget.quantization.tracing import channel_axis

ITERATIONS, POWER, BETA, GROWTH = 20, 0.7, 10.0, 1.01
"""As the authors' code has them: alternations, the norm's exponent, the weight of the split and its growth."""


@torch.no_grad()
def hqq(layer: Any, grid: Grid, clip: RangeMethod, inputs: Iterable[Tensor]) -> Codes:
    """Returns codes counted from zero points that are real numbers, found by half-quadratic splitting; `inputs` are not looked at.

    Source: Badri and Shaji 2023, https://mobiusml.github.io/hqq_blog/, equations 3 to 7. Deviation: alternates a fixed number of times, and
    a block whose error did not fall keeps the zero point of rounding to nearest.
    """
    if not grid.affine:
        raise SpecError("hqq moves zero points, and a symmetric grid has none; pass symmetric=false")
    axis = channel_axis(layer)
    blocks = blocked(layer.weight.detach().float(), axis, grid)
    scale, start = scales(*weight_range(blocks, grid, clip), grid)
    assert start is not None
    zero, beta = start, BETA
    for _ in range(ITERATIONS):
        off = blocks - half_quadratic_values(blocks, scale, zero, grid)
        error = off.sign() * (off.abs() - off.abs().clamp(min=1e-8).pow(POWER - 1) / beta).clamp(min=0)
        zero = (counted(blocks, scale, zero, grid) - (blocks - error) / scale).mean(-1, keepdim=True)
        beta *= GROWTH
    better = distance(blocks, scale, zero, grid) < distance(blocks, scale, start, grid)
    zero = torch.where(better, zero, start)
    return coded(counted(blocks, scale, zero, grid).to(torch.uint8), scale, zero, grid, layer.weight.shape, axis)


def counted(blocks: Tensor, scale: Tensor, zero: Tensor, grid: Grid) -> Tensor:
    """Codes from a real zero point, as floats."""
    return (blocks / scale + zero).round().clamp(grid.low, grid.high)


def half_quadratic_values(blocks: Tensor, scale: Tensor, zero: Tensor, grid: Grid) -> Tensor:
    """What these codes stand for."""
    return (counted(blocks, scale, zero, grid) - zero) * scale


def distance(blocks: Tensor, scale: Tensor, zero: Tensor, grid: Grid) -> Tensor:
    """Sum of |error|^0.7 in each block."""
    return (blocks - half_quadratic_values(blocks, scale, zero, grid)).abs().pow(POWER).sum(-1, keepdim=True)
