"""BatchNorm re-estimation: running statistics taken anew with quantized weights in place."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.quantization.qat import rounding

BATCH = 64


@torch.no_grad()
def reestimated(model: nn.Module, images: Images, bits: int) -> nn.Module:
    """Returns a copy of `model` whose BatchNorm layers hold the statistics of `images` with all weights rounded to `bits`.

    Weights are rounded for the pass only, one symmetric scale per output channel: codes that folding the new statistics does not change.
    Mean and variance are averaged over batches of 64.

    Raises:
        SpecError: The model has no BatchNorm layer with statistics, as where it is folded or quantized already.
    """
    copy = deepcopy(model).eval()
    norms = [m for m in copy.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        raise SpecError("re-estimation: this model has no BatchNorm layer; leave reestimate_norms off")
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    device = next(copy.parameters()).device
    with rounding(copy, bits):
        for x, _ in images.batches(BATCH):
            copy(x.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return copy.eval()
