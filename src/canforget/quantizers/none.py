"""No quantization: the float32 network itself, as the reference of every other format."""

from copy import deepcopy

from torch import nn

from canforget.data.images import Images
from canforget.quantization.quantized import require_float
from canforget.registry import component


@component(version=1)
def none(model: nn.Module, calibration: Images) -> nn.Module:
    """Returns a copy of `model` in evaluation mode; calibration images are not looked at."""
    require_float(model, "quantize")
    return deepcopy(model).eval()
