"""Layers of a network: its last k, its classification head, its convolutions; training a part; second moments of layer inputs."""

from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import unfold

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.network.weights import frozen
from canforget.training.loop import Fit, train_


def last_layers(model: nn.Module, count: int, method: str) -> set[str]:
    """Returns the names of all parameters and buffers from the `count`-th last weight matrix or kernel on, biases and norms with them.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    >>> sorted(last_layers(net, 1, "cf_k"))
    ['2.bias', '2.weight']
    """
    owners = [name for name, module in model.named_modules() for p in module.parameters(recurse=False) if p.ndim > 1]
    owners = list(dict.fromkeys(owners))
    if not 0 < count <= len(owners):
        raise SpecError(f"{method}: layers must be 1 to {len(owners)} for this model, not {count}")
    order = [name for name, _ in model.named_modules()]
    late = order[order.index(owners[-count]) :]
    return {
        f"{name}.{own}" if name else own
        for name in late
        for own, _ in [
            *model.get_submodule(name).named_parameters(recurse=False),
            *model.get_submodule(name).named_buffers(recurse=False),
        ]
    }


def head_of(model: nn.Module, classes: int, method: str) -> tuple[str, nn.Linear]:
    """Returns name and module of the last linear layer, which gives one logit per class; raises `SpecError` where there is none."""
    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear or linear[-1][1].out_features != classes:
        raise SpecError(f"{method}: the model does not end in a linear layer of {classes} logits, which {method} rebuilds")
    return linear[-1]


def convolutions_of(model: nn.Module, method: str, wider_than: int = 0) -> list[tuple[str, nn.Conv2d]]:
    """Returns the convolutions with kernels wider than `wider_than`; raises `SpecError` when they hold under a tenth of all weights."""
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > wider_than]
    share = sum(m.weight.numel() for _, m in found) / sum(p.numel() for p in model.parameters())
    if share < 0.1:
        raise SpecError(f"{method}: acts on convolutions, which hold {share:.1%} of this model's weights; choose another unlearner")
    return found


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


def input_moments(model: nn.Module, images: Images, batch_size: int = 128) -> dict[str, Tensor]:
    """Returns, by name of layer, the sum of x xᵀ over all inputs x of its weight in eval mode, [inputs, inputs] in float64.

    Linear layers and ungrouped convolutions without string padding are covered; a convolution's input is a patch, flattened as a row
    of its weight is. Other layers are left out.
    """
    twin, moments = frozen(model), {}
    for name, layer in twin.named_modules():
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1 and not isinstance(layer.padding, str)):
            moments[name] = torch.zeros(2 * [layer.weight[0].numel()], dtype=torch.float64, device=layer.weight.device)
            layer.register_forward_hook(partial(add_moment, moments[name]))
    with torch.no_grad():
        for x, _ in images.batches(batch_size):
            twin(x)
    return moments


def add_moment(moment: Tensor, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Adds the second moment of one batch of inputs."""
    x = inputs[0].float()
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        patches = unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        x = patches.transpose(1, 2)
    rows = x.reshape(-1, moment.shape[0])
    moment += rows.T @ rows
