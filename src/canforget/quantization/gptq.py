"""GPTQ: weights rounded column by column, each column's error made good by the columns still to come."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from canforget.quantization.grid import Codes, Grid, blocked, encode, rounded, unblocked
from canforget.quantization.input_moments import by_group, second_moments
from canforget.quantization.layer import coded, codes_to_nearest
from canforget.quantization.ranges import RangeMethod


@torch.no_grad()
def gptq(layer: Any, grid: Grid, clip: RangeMethod, inputs: Iterable[Tensor], *, damping: float = 0.01, block: int = 128) -> Codes:
    """Returns the codes of a layer's weight that keep its output on `inputs` closest, on the scales that rounding to nearest has.

    Source: Frantar et al. 2023, https://arxiv.org/abs/2210.17323, algorithm 1, with its damping (a hundredth of the mean diagonal) and
    lazy batches of 128 columns. Deviations: scales are fixed beforehand for groups too; columns stay in their order.
    """
    moments = second_moments(layer, inputs)
    start = codes_to_nearest(layer, grid, clip)
    shape = layer.weight.shape
    weight, scale, zero = (by_group(t, moments).clone() for t in (layer.weight.float(), *spread_diagonal(start, shape)))
    values = torch.stack([settle(w, m, s, z, grid, damping, block) for w, m, s, z in zip(weight, moments, scale, zero, strict=True)])
    blocks = blocked(values.view(shape), 0, grid)
    own_zero = None if start.zero_point is None else start.zero_point.unsqueeze(-1)
    return coded(encode(blocks, start.scale.unsqueeze(-1), own_zero, grid), start.scale.unsqueeze(-1), own_zero, grid, shape, 0)


def spread_diagonal(held: Codes, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Scale and zero point of every single weight (zeros where the grid has none)."""
    like = blocked(torch.zeros(shape, device=held.scale.device), held.axis, held.grid)
    zero = torch.zeros_like(held.scale) if held.zero_point is None else held.zero_point
    scale, zero = (unblocked(t.unsqueeze(-1).expand_as(like), shape, held.axis) for t in (held.scale, zero))
    return scale, zero


def settle(weight: Tensor, moments: Tensor, scale: Tensor, zero: Tensor, grid: Grid, damping: float, block: int) -> Tensor:
    """The rounded values [rows, columns] of one group of channels; `weight` is used up."""
    columns = weight.shape[1]
    dead = moments.diagonal() == 0
    damped = moments + torch.diag(damping * moments.diagonal().mean() + dead.to(moments))
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    values = torch.empty_like(weight)
    for first in range(0, columns, block):
        last = min(first + block, columns)
        errors = torch.empty_like(weight[:, first:last])
        for i in range(first, last):
            values[:, i] = rounded(weight[:, i], scale[:, i], zero[:, i] if grid.affine else None, grid)
            errors[:, i - first] = (weight[:, i] - values[:, i]) / inverse[i, i]
            weight[:, i:last] -= errors[:, i - first, None] * inverse[i, i:last]
        weight[:, last:] -= errors @ inverse[first:last, last:]
    return values
