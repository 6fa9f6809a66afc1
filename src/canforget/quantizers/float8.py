"""Eight-bit floats, e4m3 or e5m2, simulated exactly: every value is one that torch's float8 cast gives."""

from typing import Literal

from torch import nn

from canforget.data.images import Images
from canforget.hyperparameters import Percentile
from canforget.quantization.calibration import Scheme, quantize_by_scheme
from canforget.quantization.grid import Grid
from canforget.quantization.ranges import RangeMethod
from canforget.registry import component


@component(paper="Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433", version=2)
def float8(
    model: nn.Module,
    calibration: Images,
    *,
    format: Literal["e4m3", "e5m2"] = "e4m3",
    activations: bool = True,
    granularity: Literal["per_tensor", "per_channel"] = "per_channel",
    ranges: Literal["minmax", "percentile", "mse", "entropy"] = "minmax",
    percentile: Percentile = 99.99,
    bias_correction: bool = False,
) -> nn.Module:
    """Returns `model` folded, its weights and (with `activations`) all that its layers read cast to float8 and back.

    Weights are scaled per output channel or tensor, activations per tensor, so that the largest magnitude of the range becomes the
    largest of the format (448 for e4m3, 57344 for e5m2); sums are formed in float32, as float8 kernels do. Residual sums and pools run in
    float, for no float8 kernel adds or averages. With `bias_correction`, biases make good the mean error of rounded weights on the
    calibration images. On one ResNet-20 (CIFAR-10, 5,000 test images) it costs .3 points (23 dB), .1 (28 dB) of them by weights alone.

    Limits: what `coverage` lists stays in float: normalizations that follow no layer, the products of attention, embeddings.
    Source: section 3.1 for the formats. Deviation: casts saturate instead of becoming infinite.
    """
    weights, reads = Grid(format, 8, granularity), Grid(format, 8, "per_tensor") if activations else None
    scheme = Scheme(weights, reads, RangeMethod(ranges, percentile), bias_correction=bias_correction, between=False)
    return quantize_by_scheme(model, calibration, scheme)


def refuses(*, ranges: str, percentile: float) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if percentile != 99.99 and ranges != "percentile":
        return "percentile is of ranges by percentile; add ranges=percentile"
    return ""
