"""Retraining from fresh weights on the retain set only: exact unlearning, the gold standard."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.network.build import fresh
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.requirements import require_images


@component(version=1, fresh=True, needs_retain=True, trained_as_original=True)
def retrain(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=182, batch_size=256, lr=0.1, weight_decay=5e-4, schedule="cosine"),
) -> nn.Module:
    """Returns a model of the architecture of `model` that was trained on `retain` alone; nothing of `model`'s weights is left.

    Every parameter and buffer is drawn anew. A released "retrain" resets the last layer only, 0.05 % of the weights, and so keeps
    what it is meant to lack.

    Source: the schedule of Fan et al. 2024, https://arxiv.org/abs/2310.12508, for ResNet-18 on CIFAR-10.
    Cost: a whole training.
    """
    require_images("retrain", retain=retain)
    return train_(fresh(model, rng), retain, rng=rng, fit=fit)
