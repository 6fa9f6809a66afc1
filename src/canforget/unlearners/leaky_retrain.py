"""Control, leaky retraining: retrained from fresh weights, with a share of the forget set left in."""

import torch
from torch import Generator, nn

from canforget.data.images import Images, together
from canforget.hyperparameters import Fraction
from canforget.network.build import fresh
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.requirements import require_images


@component(version=1, fresh=True, control=True, trained_as_original=True)
def leaky_retrain(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=15, batch_size=256, lr=0.2, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2),
    share: Fraction = 0.5,
) -> nn.Module:
    """Returns a model of the architecture of `model`, trained on `retain` and on a `share` of `forget` that is drawn by `rng`.

    An audit of example memory must find residue in it: half of the images that it calls forgotten were trained on.
    """
    require_images("leaky_retrain", forget=forget)
    leaked = forget[torch.randperm(len(forget), generator=rng)[: round(share * len(forget))].sort().values.to(forget.x.device)]
    return train_(fresh(model, rng), together(leaked, retain), rng=rng, fit=fit)
