"""A method of your own in one file: shrink the weights that the forget set pulls at, then repair on the retain set.

canforget check examples/shrink.py
canforget run --plugin examples/shrink.py --datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners plugin/shrink finetune
"""

from copy import deepcopy

import torch
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from canforget import Fit, Images, component
from canforget.training.loop import train_


@component("unlearners", paper="none: an example", version=1)
def shrink(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=2, lr=0.01),
    factor: float = 0.5,
    share: float = 0.1,
) -> nn.Module:
    """Returns a copy with the `share` of weights of largest gradient on `forget` multiplied by `factor`, then trained on `retain`."""
    copy = deepcopy(model).eval()
    copy.zero_grad()
    cross_entropy(copy(forget.x), forget.y).backward()
    with torch.no_grad():
        for weight in (p for p in copy.parameters() if p.ndim > 1 and p.grad is not None):
            size = weight.grad.abs()
            weight[size >= size.flatten().quantile(1 - share)] *= factor
    copy.zero_grad()
    return train_(copy, retain, rng=rng, fit=fit)
