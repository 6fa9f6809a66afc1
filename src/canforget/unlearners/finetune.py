"""Finetuning on the retain set (catastrophic forgetting as a baseline)."""

from copy import deepcopy

from torch import Generator, nn

from canforget.data.images import Images
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.requirements import require_images


@component(paper="Golatkar et al. 2020, https://arxiv.org/abs/1911.04933", version=1, needs_retain=True)
def finetune(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=256, lr=0.01, weight_decay=5e-4),
) -> nn.Module:
    """Returns a copy of `model` trained further on `retain`; `forget` is never looked at, and so forgotten little.

    Source: the baseline "FT" with the settings of Jia et al. 2023, https://arxiv.org/abs/2304.04934. Cost: `fit.epochs` of training.
    """
    require_images("finetune", retain=retain)
    return train_(deepcopy(model), retain, rng=rng, fit=fit)
