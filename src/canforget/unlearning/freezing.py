"""Training a part of a model while the rest, statistics included, stays as it is."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.training.loop import Fit, train_


def train_only_(model: nn.Module, names: set[str], images: Images, *, rng: Generator, fit: Fit) -> nn.Module:
    """Trains the parameters `names` of `model` in place and returns it with the `requires_grad` flags that it came with."""
    flags = {name: p.requires_grad for name, p in model.named_parameters()}
    for name, p in model.named_parameters():
        p.requires_grad_(flags[name] and name in names)
    try:
        return train_(model, images, rng=rng, fit=fit)
    finally:
        for name, p in model.named_parameters():
            p.requires_grad_(flags[name])
