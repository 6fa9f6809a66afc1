"""Weights on the grid of a width: the step between neighbouring codes, and every weight at its nearest, one scale per output channel."""

from torch import Tensor, nn

from canforget.ranges import Clip, weight_range
from canforget.rounding import Grid, blocked, rounded, scales, unblocked


def rounded_names(model: nn.Module) -> list[str]:
    """Names of the weights that rounding is about: those of linear layers and convolutions that may change."""
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return [f"{name}.weight" if name else "weight" for name, layer in layers if layer.weight.requires_grad]


def step_sizes(weight: Tensor, bits: int) -> Tensor:
    """Returns the distance of neighbouring codes for each weight, in the weight's shape: symmetric, min-max, per output channel.

    >>> import torch
    >>> step_sizes(torch.tensor([[0.7, -1.4], [0.0, 7.0]]), bits=4)[:, 0]
    tensor([0.2000, 1.0000])
    """
    blocks, scale, _ = scaled(weight, bits)
    return unblocked(scale.expand_as(blocks), weight.shape, 0)


def at_nearest(weight: Tensor, bits: int) -> Tensor:
    """Returns the weight rounded to its grid.

    >>> import torch
    >>> at_nearest(torch.tensor([[0.3, 7.0]]), bits=4)
    tensor([[0., 7.]])
    """
    blocks, scale, grid = scaled(weight, bits)
    return unblocked(rounded(blocks, scale, None, grid), weight.shape, 0)


def scaled(weight: Tensor, bits: int) -> tuple[Tensor, Tensor, Grid]:
    """The weight in blocks of one scale, the scales, the grid."""
    grid = Grid(bits=bits)
    blocks = blocked(weight.detach(), 0, grid)
    scale, _ = scales(*weight_range(blocks, grid, Clip()), grid)
    return blocks, scale, grid
