"""Copies of a model that can be trained or attacked, whatever its format: dequantized, or with gradients straight through its rounding."""

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from canforget.errors import SpecError
from canforget.quantization.layer import ActivationQuantizer, QuantizedLayer, replace_
from canforget.quantization.quantized import DeployedClassifier


def require_weights(model: nn.Module, verb: str) -> None:
    """Refuses a network that an engine runs: it has neither weights nor gradients."""
    if isinstance(model, DeployedClassifier):
        raise SpecError(f"{verb}: this model runs in {model.engine} and gives no gradients; probe the simulated model of the same format")


def trainable_copy(model: nn.Module, verb: str) -> nn.Module:
    """A float copy of `model` in eval mode that training may change; of a quantized one with the values of its codes, activations not rounded.

    Normalization was folded into the layers of a quantized network, and stays so. Frozen parts of a float model stay frozen.
    """
    require_weights(model, verb)
    copy = deepcopy(model).eval()
    layers = [(name, m) for name, m in copy.named_modules() if isinstance(m, QuantizedLayer)]
    for name, layer in layers:
        if name in dict(copy.named_modules()):
            replace_(copy, name, layer.layer)
    return copy.requires_grad_(True) if layers else copy


def differentiable_copy(model: nn.Module, verb: str) -> nn.Module:
    """A copy of `model` in eval mode with the same outputs, whose gradient by the pixels passes straight through the rounding of activations."""
    require_weights(model, verb)
    copy = deepcopy(model).eval().requires_grad_(False)
    for module in copy.modules():
        if isinstance(module, ActivationQuantizer):
            module.register_forward_hook(straight_through)
    return copy


def straight_through(module: nn.Module, given: tuple[Any, ...], out: Tensor) -> Tensor:
    """The rounded value with the gradient of what was rounded."""
    x: Tensor = given[0]
    return out.detach() + (x - x.detach())
