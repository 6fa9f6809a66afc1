"""Second moments E[x xᵀ] of a layer's inputs: the Hessian of its squared output error, which GPTQ and AdaRound use."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from canforget.errors import DataError, SpecError


@torch.no_grad()
def second_moments(layer: Any, inputs: Iterable[Tensor]) -> Tensor:
    """Returns E[x xᵀ] as [groups, columns, columns], where x runs over the patches that a row of the weight is multiplied with.

    The mean squared error of the output, summed over channels, of a weight that is off by d is then the trace of d E[x xᵀ] dᵀ.

    Raises:
        SpecError: The layer is neither linear nor a two-dimensional convolution that is not transposed.
        DataError: No inputs.
    """
    total, count = None, 0
    for x in inputs:
        rows = patches(layer, x)
        total = rows.transpose(1, 2) @ rows if total is None else total.baddbmm_(rows.transpose(1, 2), rows)
        count += rows.shape[1]
    if total is None:
        raise DataError("rounding by what layers read needs calibration images; give some of the retain set")
    return total / count


def patches(layer: Any, x: Tensor) -> Tensor:
    """What the rows of the weight are multiplied with, as [groups, patches, columns]."""
    if isinstance(layer, nn.Linear):
        return x.float().reshape(1, -1, layer.in_features)
    if not isinstance(layer, nn.Conv2d) or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise SpecError(f"this rounding knows linear layers and plain two-dimensional convolutions, not {layer}; take rounding=nearest")
    columns = unfold(x.float(), layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    return columns.view(len(x), layer.groups, -1, columns.shape[-1]).permute(1, 0, 3, 2).flatten(1, 2)


def by_group(weight: Tensor, moments: Tensor) -> Tensor:
    """The weight as [groups, rows, columns], beside its second moments."""
    return weight.flatten(1).view(len(moments), -1, moments.shape[-1])


def output_errors(off: Tensor, moments: Tensor) -> Tensor:
    """Mean squared error of each output channel [rows] of a weight that is off by `off`, given the second moments of what it reads."""
    grouped = by_group(off, moments)
    return ((grouped @ moments) * grouped).sum(-1).flatten()
