"""Rounding cells: the weights that have the same codes as a given tensor, symmetric to nearest with one min-max scale per output channel."""

from torch import Tensor

from canforget.quantization.qat import at_nearest, step_sizes

EDGE = 1e-3
"""Fraction of a step that is kept from a cell's edge, so that float rounding (as of a folded BatchNorm) cannot change a code."""


def rounding_cells(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Returns the lowest and the highest value that each weight may take without changing any code of its channel, in its shape.

    A cell is one step wide around the value of its code. The largest magnitude of a channel, which sets the scale, has no room at all, and
    nothing may exceed it: so the scale stays, and with it every other cell.

    >>> import torch
    >>> low, high = rounding_cells(torch.tensor([[7.0, 2.2]]), bits=4)
    >>> [round(float(v), 3) for v in (*low[0], *high[0])]
    [7.0, 1.501, 7.0, 2.499]
    """
    step, center = step_sizes(weight, bits), at_nearest(weight, bits)
    largest = weight.abs().flatten(1).amax(dim=1).view(-1, *[1] * (weight.ndim - 1)).expand_as(weight)
    reach = (0.5 - EDGE) * step
    low, high = (center - reach).maximum(-largest), (center + reach).minimum(largest)
    held = weight.abs() == largest
    return weight.where(held, low), weight.where(held, high)
