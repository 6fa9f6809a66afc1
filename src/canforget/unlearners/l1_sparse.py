"""L1-sparse unlearning: finetune on the retain set with an L1 penalty on the weights that fades out."""

from copy import deepcopy
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import NonNegative
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.requirements import require_images


@component(paper="Jia et al. 2023, https://arxiv.org/abs/2304.04934", version=1, needs_retain=True)
def l1_sparse(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=256, lr=0.01, weight_decay=5e-4),
    alpha: NonNegative = 5e-5,
) -> nn.Module:
    """Returns a copy of `model` that descended CE(retain) + `alpha` * (1 - epoch / epochs) * ‖weights‖₁; `forget` is never looked at.

    The norm is over all weights that may change. The penalty falls linearly to nothing, so that the last epochs restore utility.
    `alpha` depends on the model: choose it on validation images, of the order of 1e-5 to 1e-4.

    Source: section 4, equation 4, and the released schedule of the penalty.
    """
    require_images("l1_sparse", retain=retain)
    unlearned = deepcopy(model)
    weights = [p for p in unlearned.parameters() if p.requires_grad]

    def sparse(penalty: float, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), y) + penalty * torch.stack([w.abs().sum() for w in weights]).sum()

    for epoch in passes(fit, unlearned, rng):
        epoch.descend(partial(sparse, alpha * (1 - epoch.number / fit.epochs)), retain)
    return unlearned
