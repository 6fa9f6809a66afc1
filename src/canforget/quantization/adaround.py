"""AdaRound: each weight rounded up or down, whichever way keeps the layer's output closest."""

from collections.abc import Iterable
from math import log
from typing import Any

import torch
from torch import Tensor

from canforget.errors import SpecError
from canforget.quantization.gptq import spread_diagonal
from canforget.quantization.grid import Codes, Grid
from canforget.quantization.input_moments import output_errors, second_moments
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import RangeMethod

ZETA, GAMMA = 1.1, -0.1
"""How far the sigmoid is stretched, so that it reaches 0 and 1 (the paper's equation 23)."""
HALF = log((0.5 - GAMMA) / (ZETA - 0.5))
"""Where the stretched sigmoid is 1/2."""


def adaround(
    layer: Any,
    grid: Grid,
    clip: RangeMethod,
    inputs: Iterable[Tensor],
    *,
    iterations: int = 600,
    lr: float = 0.05,
    weight_of_choice: float = 10.0,
) -> Codes:
    """Returns codes within one step of the weight that keep a layer's output on `inputs` closest; never worse than rounding to nearest.

    Source: Nagel et al. 2020, https://arxiv.org/abs/2004.10568, equations 21 to 25. Deviations: the error is that of the layer alone
    (before its activation, on what it reads once earlier layers are rounded) and is computed from the second moment of its inputs, so
    that every step sees all images; 600 steps of Adam, not 10,000 on mini-batches; the two terms are weighted after the error of
    rounding to nearest is scaled to 1; a channel for which nearest is better keeps it.
    Cost: two products of the weight with a square matrix per step.
    """
    if grid.kind != "int":
        raise SpecError(f"adaround chooses between integers, and {grid.label} has none; take rounding=nearest")
    moments = second_moments(layer, inputs)
    start = codes_to_nearest(layer, grid, clip)
    weight = layer.weight.detach().float()
    scale, zero = spread_diagonal(start, weight.shape)
    down = (weight / scale).floor()
    up = choices(
        weight, scale, down, zero, moments, grid, output_errors(start.values() - weight, moments), iterations, lr, weight_of_choice
    )
    codes = (down + up + zero).clamp(grid.low, grid.high)
    worse = output_errors((codes - zero) * scale - weight, moments) > output_errors(start.values() - weight, moments)
    codes = torch.where(worse.view(-1, *[1] * (weight.ndim - 1)), start.codes.to(codes), codes)
    return Codes(codes.to(start.codes.dtype), start.scale, start.zero_point, grid, start.axis)


@torch.enable_grad()
def choices(
    weight: Tensor, scale: Tensor, down: Tensor, zero: Tensor, moments: Tensor, grid: Grid, nearest_errors: Tensor, iterations: int, lr: float, choice: float
) -> Tensor:  # fmt: skip
    """1 where a weight is to be rounded up and 0 where down, found by descent (Adam's) on a soft choice that hardens."""
    fraction = (weight / scale - down).clamp(1e-4, 1 - 1e-4)
    v = torch.logit((fraction - GAMMA) / (ZETA - GAMMA)).requires_grad_()
    mean, square = torch.zeros_like(v), torch.zeros_like(v)
    unit = nearest_errors.sum().clamp(min=torch.finfo(torch.float32).tiny)
    for i in range(1, iterations + 1):
        soft = (torch.sigmoid(v) * (ZETA - GAMMA) + GAMMA).clamp(0, 1)
        off = ((down + soft + zero).clamp(grid.low, grid.high) - zero) * scale - weight
        loss = output_errors(off, moments).sum() / unit
        if i > iterations // 5:
            beta = 2 + 18 * (1 - (i / iterations - 0.2) / 0.8)
            loss = loss + choice * (1 - (2 * soft - 1).abs().pow(beta)).mean() * (i / iterations)
        (slope,) = torch.autograd.grad(loss, [v])
        mean, square = torch.lerp(mean, slope, 0.1), torch.lerp(square, slope.square(), 0.001)
        step = lr * (mean / (1 - 0.9**i)) / ((square / (1 - 0.999**i)).sqrt() + 1e-8)
        v = (v.detach() - step).requires_grad_()
    return (v.detach() >= HALF).to(weight)
