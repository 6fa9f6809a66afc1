"""Eight-bit integers run by the integer kernels of ONNX Runtime on a CPU: the network of `int`, deployed."""

from typing import Literal

from torch import nn

from canforget.data.images import Images
from canforget.deployment.onnx_graph import deployed
from canforget.hyperparameters import Percentile
from canforget.quantization.calibration import quantize_for_kernels
from canforget.quantization.ranges import RangeMethod
from canforget.registry import component


@component(paper="Jacob et al. 2018, https://arxiv.org/abs/1712.05877", version=2, real=True)
def onnx_int8(
    model: nn.Module,
    calibration: Images,
    *,
    ranges: Literal["minmax", "percentile", "mse", "entropy"] = "minmax",
    percentile: Percentile = 99.99,
) -> nn.Module:
    """Returns `model` with symmetric 8-bit weights per channel and affine 8-bit activations, as a graph that ONNX Runtime runs on the CPU.

    Codes and scales are those of the simulation, `int` with the same settings; logits differ from it by how the engine rounds between
    layers, and top-1 predictions in about one image of a thousand.

    Limits: no gradients; the engine must be installed. Without VNNI instructions sums of u8 x s8 products may saturate.
    """
    simulated = quantize_for_kernels(model, calibration, RangeMethod(ranges, percentile))
    channels, height, width = calibration.x.shape[1:]
    return deployed(simulated, "onnxruntime", (channels, height, width))


def refuses(*, ranges: str, percentile: float) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if percentile != 99.99 and ranges != "percentile":
        return "percentile is of ranges by percentile; add ranges=percentile"
    return ""
