"""Integers of 2 to 8 bits, simulated exactly: weights symmetric per channel, activations affine per tensor, BatchNorm folded."""

import builtins
from typing import Literal

from torch import nn

from canforget.calibration import Scheme, quantize
from canforget.images import Images
from canforget.ranges import Clip
from canforget.registry import component
from canforget.rounding import Grid


@component(paper="Jacob et al. 2018, https://arxiv.org/abs/1712.05877", version=1, shown=("bits",))
def int(
    model: nn.Module,
    calibration: Images,
    *,
    bits: builtins.int = 8,
    activations: builtins.int = 8,
    granularity: Literal["per_tensor", "per_channel"] = "per_channel",
    ranges: Literal["minmax", "percentile", "mse", "entropy"] = "minmax",
    percentile: float = 99.99,
    symmetric: bool = True,
) -> nn.Module:
    """Returns `model` folded, its weights rounded to `bits` and all that its layers read to `activations` bits (0: left in float).

    Weights w become round(w / scale) with scale = amax / (2^(bits-1) - 1), activations round(x / scale) + zero point with
    scale = (max - min) / (2^bits - 1) over the calibration images; products and sums are formed in float32, in which sums of products
    of such codes are exact up to rounding.

    Args:
        bits: Of weights, 2 to 8.
        activations: Bits of what layers read, 2 to 8, or 0 for weights only.
        ranges: From which value to which the grid reaches; what lies beyond is clipped.
        percentile: Of magnitudes kept inside, when `ranges` is "percentile".
        symmetric: Whether weights have no zero point.

    Limits: what `coverage` lists stays in float. Two bits destroy a convolutional network that was not trained for them.
    Source: section 2.1 and, for folding, 3.2. Deviation: weights are symmetric, as every integer kernel today wants them.
    """
    weights = Grid("int", bits, granularity, symmetric=symmetric)
    reads = Grid("int", activations, "per_tensor", symmetric=False) if activations else None
    return quantize(model, calibration, Scheme(weights, reads, Clip(ranges, percentile)))
