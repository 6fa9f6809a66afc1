"""Boundary expanding: train the forget set to an extra class, then remove that class's logit."""

from copy import deepcopy

import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.registry import component
from canforget.rng import global_stream
from canforget.training.loop import Fit, train_
from canforget.unlearning.labels import class_count
from canforget.unlearning.layers import head_of
from canforget.unlearning.requirements import require_images


@component(paper="Chen et al. 2023, https://arxiv.org/abs/2303.11570", version=1, rebuilds=True)
def boundary_expand(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=64, lr=1e-5),
) -> nn.Module:
    """Returns a copy of `model` trained to give `forget` to an extra class, whose logit is then removed; `retain` is never looked at.

    Raises:
        SpecError: the model does not end in a linear layer with one logit per class.

    Source: section 3.3. A well-known port leaves the extra logit in place.
    """
    require_images("boundary_expand", forget=forget)
    unlearned, classes = deepcopy(model), class_count(model, forget)
    name, head = head_of(unlearned, classes, "boundary_expand")
    unlearned.set_submodule(name, resized(head, classes + 1, rng))
    train_(unlearned, Images(forget.x, torch.full_like(forget.y, classes), forget.ids), rng=rng, fit=fit)
    trained = unlearned.get_submodule(name)
    assert isinstance(trained, nn.Linear)
    unlearned.set_submodule(name, resized(trained, classes, rng))
    return unlearned


def resized(head: nn.Linear, classes: int, rng: Generator) -> nn.Linear:
    """A linear layer of `classes` rows: those of `head`, as far as they go, and freshly drawn ones."""
    with global_stream(rng):
        other = nn.Linear(head.in_features, classes, bias=head.bias is not None).to(head.weight.device, head.weight.dtype)
    shared = min(classes, head.out_features)
    with torch.no_grad():
        for name, p in head.named_parameters():
            other.get_parameter(name)[:shared] = p[:shared]
            other.get_parameter(name).requires_grad_(p.requires_grad)
    return other.train(head.training)
