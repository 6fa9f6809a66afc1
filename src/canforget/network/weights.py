"""Weights as a whole: frozen copies, finiteness checks, temporary replacement, BatchNorm held still."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from canforget.errors import DivergedError


@contextmanager
def replaced(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Puts `weights` in the place of the parameters of their names for the block."""
    own = {name: model.get_parameter(name).detach().clone() for name in weights}
    put_(model, weights)
    try:
        yield
    finally:
        put_(model, own)


@torch.no_grad()
def put_(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies `weights` into the parameters of their names."""
    for name, weight in weights.items():
        model.get_parameter(name).copy_(weight)


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Has BatchNorm use its running statistics for the block, and leave them alone."""
    moving = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
    for module in moving:
        module.eval()
    try:
        yield
    finally:
        for module in moving:
            module.train()


def frozen(model: nn.Module) -> nn.Module:
    """A copy of `model` in eval mode that no gradient flows into."""
    return deepcopy(model).eval().requires_grad_(False)


def finite(model: nn.Module, when: str) -> nn.Module:
    """Returns `model`; raises `DivergedError` when one of its weights or buffers is NaN or infinite."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DivergedError(f"diverged: '{name}' is not finite {when}; lower the learning rate or clip the gradients")
    return model
