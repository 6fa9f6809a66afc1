"""Quantization-aware training: fake-quantized weights with a straight-through gradient, one min-max scale per output channel."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from canforget.network.weights import replaced
from canforget.quantization.grid import Grid, blocked, rounded, scales, unblocked
from canforget.quantization.ranges import RangeMethod, weight_range


def rounded_names(model: nn.Module) -> list[str]:
    """Names of the weights that unlearning for a grid is about: those of linear layers and convolutions that may change."""
    return [name for name in layer_weights(model) if model.get_parameter(name).requires_grad]


def layer_weights(model: nn.Module) -> list[str]:
    """Names of the weights of all linear layers and convolutions."""
    return [f"{n}.weight" if n else "weight" for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]


@contextmanager
def rounding(model: nn.Module, bits: int) -> Iterator[None]:
    """Puts every weight of `model`'s linear layers and convolutions at its nearest for the block (0 bits: leaves them alone).

    A gradient taken inside, and applied to the unrounded weights, trains the network for its rounding (quantization-aware training,
    QAT): the codes are those that `int:bits=...` finds in the end, for the grid of a channel does not change when BatchNorm is folded
    into it. What layers read stays in float.

    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, section 3; the gradient passes straight through. Deviation: BatchNorm
    is not folded while training, and activations are not rounded: eight bits of them need no training.
    """
    names = layer_weights(model) if bits else []
    with replaced(model, {n: at_nearest(model.get_parameter(n), bits) for n in names}):
        yield


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
    scale, _ = scales(*weight_range(blocks, grid, RangeMethod()), grid)
    return blocks, scale, grid
