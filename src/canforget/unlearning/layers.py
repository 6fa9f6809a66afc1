"""The layers of a model in the order of their registration: its last k, its classifying head, its convolutions."""

from torch import nn

from canforget.errors import SpecError


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


def convolutions(model: nn.Module, method: str, wider_than: int = 0) -> list[tuple[str, nn.Conv2d]]:
    """Returns the convolutions with kernels wider than `wider_than`; raises `SpecError` when they hold under a tenth of all weights."""
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > wider_than]
    share = sum(m.weight.numel() for _, m in found) / sum(p.numel() for p in model.parameters())
    if share < 0.1:
        raise SpecError(f"{method}: acts on convolutions, which hold {share:.1%} of this model's weights; choose another unlearner")
    return found
