"""The cast to bfloat16: weights and all that layers read, sums in float32."""

from torch import nn

from canforget.data.images import Images
from canforget.quantization.calibration import Scheme, quantize_by_scheme
from canforget.quantization.grid import Grid
from canforget.registry import component


@component(version=1)
def bfloat16(model: nn.Module, calibration: Images, *, activations: bool = True) -> nn.Module:
    """Returns `model` folded, its weights and (with `activations`) all that its layers read cast to bfloat16 and back: 8 significant bits.

    Values beyond the largest finite one become that one. Sums are formed in float32, as kernels for bfloat16 do.
    """
    return quantize_by_scheme(model, calibration, Scheme(Grid("bfloat16", 16), Grid("bfloat16", 16, "per_tensor") if activations else None))
