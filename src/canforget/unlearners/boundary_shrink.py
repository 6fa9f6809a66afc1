"""Boundary shrinking: relabel every forget image with its nearest wrong class, found by an adversarial step, and train on it."""

from copy import deepcopy

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Fraction
from canforget.network.weights import frozen
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.requirements import require_images


@component(paper="Chen et al. 2023, https://arxiv.org/abs/2303.11570", version=1)
def boundary_shrink(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=64, lr=1e-5),
    epsilon: Fraction = 0.1,
) -> nn.Module:
    """Returns a copy of `model` trained on `forget` with the nearest wrong class as every image's label; `retain` is never looked at.

    The nearest class is the wrong class that `model` finds likeliest after one signed gradient step of `epsilon` (a fraction of the
    pixel range) away from the label.

    Source: section 3.2. Deviation: the released code takes the likeliest class, which is the true one wherever the step falls short.
    """
    require_images("boundary_shrink", forget=forget)
    nearest = torch.cat([nearest_wrong(frozen(model), x, y, epsilon) for x, y in forget.batches(fit.batch_size)])
    return train_(deepcopy(model), Images(forget.x, nearest, forget.ids), rng=rng, fit=fit)


def nearest_wrong(original: nn.Module, x: Tensor, y: Tensor, epsilon: float) -> Tensor:
    """The likeliest wrong class of each image after a step of `epsilon` * 255 up its loss."""
    pixels = x.float().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(original(pixels), y), pixels)
    with torch.no_grad():
        logits: Tensor = original((pixels + 255 * epsilon * gradient.sign()).clamp(0, 255))
    return logits.scatter(1, y[:, None], -torch.inf).argmax(dim=1)
