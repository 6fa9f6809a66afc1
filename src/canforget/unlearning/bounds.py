"""Bounded unlearning: any base method with every weight held between a lowest and a highest value, step by step."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.quantization.qat import rounded_names
from canforget.spec import Call
from canforget.training.constraint import TrainingConstraint
from canforget.unlearning.wrapper import run_base

Bounds = Mapping[str, tuple[Tensor, Tensor]]
"""Lowest and highest value of each weight, by the parameter's name."""


def run_bounded(base: Call, bounds: Bounds, model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns what the unlearner `base` makes of `model` when only weights of layers move, and those in `bounds` within them.

    Biases and norms, which rounding leaves alone, are frozen, running statistics included: whatever is forgotten is forgotten in weights
    that are rounded. The model comes back with the `requires_grad` flags that it was given.
    """
    movable, flags = set(rounded_names(model)), {name: p.requires_grad for name, p in model.named_parameters()}
    partly = deepcopy(model)
    for name, parameter in partly.named_parameters():
        parameter.requires_grad_(name in movable)

    @torch.no_grad()
    def project(moved: nn.Module) -> None:
        for name, (low, high) in bounds.items():
            moved.get_parameter(name).clamp_(low, high)

    unlearned = run_base(base, TrainingConstraint(project=project), partly, forget, retain, rng=rng)
    for name, parameter in unlearned.named_parameters():
        parameter.requires_grad_(flags[name])
    return unlearned
