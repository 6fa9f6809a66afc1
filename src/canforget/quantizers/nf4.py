"""NF4: sixteen values at the quantiles of a normal distribution, scaled for each group of weights."""

from torch import nn

from canforget.data.images import Images
from canforget.hyperparameters import BitsOrNone, Count, GroupSize
from canforget.quantization.calibration import Scheme, quantize_by_scheme
from canforget.quantization.grid import Grid
from canforget.registry import component


@component(paper="Dettmers et al. 2023, https://arxiv.org/abs/2305.14314", version=1)
def nf4(model: nn.Module, calibration: Images, *, group_size: GroupSize = 64, activations: BitsOrNone = 0) -> nn.Module:
    """Returns `model` folded, each group of `group_size` weights scaled to [-1, 1] and rounded to the nearest of NF4's values.

    Args:
        activations: Bits of the affine integers that layers read, 2 to 8, or 0 for weights only, as the format is used.

    Source: section 3 and appendix E. Deviation: scales are float32; they are not quantized a second time.
    """
    reads = Grid("int", activations, "per_tensor", symmetric=False) if activations else None
    return quantize_by_scheme(model, calibration, Scheme(Grid("nf4", 4, "per_group", group_size), reads))


def refuses(*, group_size: GroupSize, most_inputs: Count) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if group_size > most_inputs:
        return f"group_size: no layer has {group_size} weights an output (at most {most_inputs}); give fewer"
    return ""
