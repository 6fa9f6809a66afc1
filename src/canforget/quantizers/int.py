"""Integers of 2 to 8 bits, simulated exactly: weights symmetric per channel, activations affine per tensor, BatchNorm folded."""

from dataclasses import replace
from functools import partial
from typing import Literal

from torch import nn

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.hyperparameters import Bits, BitsOrNone, Count, GroupSize, Percentile, Seed
from canforget.quantization.adaround import adaround
from canforget.quantization.batchnorm import reestimated
from canforget.quantization.calibration import Rounder, Scheme, quantize_by_scheme, to_nearest
from canforget.quantization.gptq import gptq
from canforget.quantization.grid import Grid
from canforget.quantization.hqq import hqq
from canforget.quantization.ranges import RangeMethod
from canforget.quantization.stochastic import stochastic
from canforget.registry import component
from canforget.rng import generator


@component(paper="Jacob et al. 2018, https://arxiv.org/abs/1712.05877", version=3, shown=("bits",))
def int(
    model: nn.Module,
    calibration: Images,
    *,
    bits: Bits = 8,
    activations: BitsOrNone = 8,
    granularity: Literal["per_tensor", "per_channel", "per_group"] = "per_channel",
    group_size: GroupSize = 64,
    rounding: Literal["nearest", "stochastic", "adaround", "gptq", "hqq"] = "nearest",
    ranges: Literal["minmax", "percentile", "mse", "entropy"] = "minmax",
    percentile: Percentile = 99.99,
    symmetric: bool = True,
    full_range: bool = False,
    bias_correction: bool = False,
    reestimate_norms: bool = False,
    first_last_bits: BitsOrNone = 0,
    seed: Seed = 0,
) -> nn.Module:
    """Returns `model` folded, its weights rounded to `bits` and all that its layers read to `activations` bits (0: left in float).

    Weights w become round(w / scale) with scale = amax / (2^(bits-1) - 1), activations round(x / scale) + zero point with
    scale = (max - min) / (2^bits - 1) over the calibration images; biases become multiples of the product of both scales, where that is
    one number a channel. Products and sums are formed in float32.

    Args:
        bits: Of weights, 2 to 8.
        activations: Bits of what layers read, 2 to 8, or 0 for weights only.
        group_size: Weights of the flattened input dimension that share a scale, with granularity "per_group".
        rounding: To nearest; by chance, seeded by `seed`; or so that layers put out what they did: "adaround" and "gptq" look at the
            calibration images, "hqq" moves the zero points of an affine grid.
        ranges: From which value to which the grid reaches; what lies beyond is clipped. "mse" also stretches rounded weights until their
            projection on the weight is the weight: without that, clipping shortens every layer, and the logits of a deep network with it.
            On one ResNet-20 (CIFAR-10, float 84.4 %) int4 loses 2.6 points with "minmax", 2.0 with "mse" unstretched, 1.4 with "mse".
        percentile: Of magnitudes kept inside, when `ranges` is "percentile".
        symmetric: Whether weights have no zero point.
        full_range: Whether symmetric weights use the lowest code too, with scale = amax / (2^(bits-1) - 1/2).
        bias_correction: Whether biases make good the mean error of rounded weights on the calibration images.
        reestimate_norms: Whether BatchNorm statistics are taken anew on the calibration images, with rounded weights in place, before
            they are folded away; for plain weights only: symmetric, per channel, min-max, to nearest.
        first_last_bits: Bits of the weights of the first and the last layer to run; 0: as the others.

    Limits: what `coverage` lists stays in float. Two bits to nearest destroy a convolutional network that was not trained for them.
    Source: section 2.1, for biases 2.4 and for folding 3.2. Deviation: weights are symmetric, as every integer kernel today wants them.
    """
    weights = Grid("int", bits, granularity, group_size if granularity == "per_group" else 0, symmetric, full_range)
    reads = Grid("int", activations, "per_tensor", symmetric=False) if activations else None
    ends = replace(weights, bits=first_last_bits) if first_last_bits else None
    if reestimate_norms:
        if (granularity, rounding, ranges, symmetric, full_range, first_last_bits) != ("per_channel", "nearest", "minmax", True, False, 0):
            raise SpecError("int: reestimate_norms knows plain weights only (symmetric, per channel, min-max, to nearest, one width)")
        model = reestimated(model, calibration, bits)
    by_chance = partial(stochastic, rng=generator(f"stochastic/{seed}"))
    rounders: dict[str, Rounder] = {"nearest": to_nearest, "stochastic": by_chance, "adaround": adaround, "gptq": gptq, "hqq": hqq}
    return quantize_by_scheme(
        model, calibration, Scheme(weights, reads, RangeMethod(ranges, percentile), ends, bias_correction), rounders[rounding]
    )


def refuses(
    *,
    granularity: str,
    group_size: GroupSize,
    rounding: str,
    ranges: str,
    percentile: float,
    symmetric: bool,
    full_range: bool,
    reestimate_norms: bool,
    first_last_bits: BitsOrNone,
    seed: Seed,
    most_inputs: Count | None = None,
) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if rounding == "hqq" and symmetric:
        return "rounding=hqq moves zero points, and a symmetric grid has none; add symmetric=false"
    if full_range and not symmetric:
        return "full_range is about symmetric grids, and an affine one uses all its codes; leave it out"
    plain = (granularity, rounding, ranges, symmetric, full_range, first_last_bits) == ("per_channel", "nearest", "minmax", True, False, 0)
    if reestimate_norms and not plain:
        return "reestimate_norms knows plain weights only (symmetric, per channel, min-max, to nearest, one width); leave it out"
    if group_size != 64 and granularity != "per_group":
        return "group_size is of groups; add granularity=per_group"
    if granularity == "per_group" and most_inputs is not None and group_size > most_inputs:
        return f"group_size: no layer has {group_size} weights an output (at most {most_inputs}); give fewer, or granularity=per_channel"
    if percentile != 99.99 and ranges != "percentile":
        return "percentile is of ranges by percentile; add ranges=percentile"
    if seed and rounding != "stochastic":
        return "seed is of rounding by chance; add rounding=stochastic, or leave it out"
    return ""
