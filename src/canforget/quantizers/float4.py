"""Four-bit floats, e2m1, with a scale for each small block of weights: MXFP4 and NVFP4, simulated exactly."""

from typing import Literal

from torch import nn

from canforget.data.images import Images
from canforget.hyperparameters import BitsOrNone
from canforget.quantization.calibration import Scheme, quantize_by_scheme
from canforget.quantization.grid import Grid
from canforget.registry import component


@component(paper="OCP Microscaling Formats specification 1.0, https://arxiv.org/abs/2310.10537", version=1)
def float4(
    model: nn.Module,
    calibration: Images,
    *,
    format: Literal["mxfp4", "nvfp4"] = "nvfp4",
    activations: BitsOrNone = 0,
) -> nn.Module:
    """Returns `model` folded, its weights cast to the sixteen values of e2m1 (0, .5, 1, 1.5, 2, 3, 4, 6 and their negatives) and back.

    Blocks run along the flattened input dimension of each output channel: "mxfp4" scales 32 weights by a power of two (4.25 bits per
    weight), "nvfp4" 16 weights by an e4m3 number and all by one float32 (4.5 bits per weight).

    Args:
        activations: Bits of the affine integers that layers read, 2 to 8, or 0 for weights only.

    Limits: kernels that multiply four-bit floats scale what they read in blocks too, image by image; that is not simulated.
    Source: sections 5.3.3 and 6.3 of the specification. Deviation: NVFP4's scale of the whole tensor is a bfloat16 number, rounded up, so
    that block scales are exact products.
    """
    grid = Grid("e2m1", 4, "per_group", 32, scales="e8m0") if format == "mxfp4" else Grid("e2m1", 4, "per_group", 16, scales="e4m3")
    return quantize_by_scheme(
        model, calibration, Scheme(grid, Grid("int", activations, "per_tensor", symmetric=False) if activations else None)
    )
