"""Control: weight noise with the norm and the sum of each channel's rounding error, in the rounded network itself."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from canforget.quantization.folding import folded, refolded
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.quantized import QuantizedClassifier


def rounding_errors(model: nn.Module, quantized: nn.Module) -> dict[str, Tensor]:
    """Rounding error Q(w) - w of every layer's weight, in the weight's shape, by the layer's name; w in the network with BatchNorm folded."""
    root = refolded(model, quantized.folding) if isinstance(quantized, QuantizedClassifier) else folded(model)
    return {name: held.values() - weight_of(root, name) for name, held in codes(quantized).items()}


def disturbed(model: nn.Module, quantized: nn.Module, draws: int, rng: Generator) -> Iterator[nn.Module]:
    """Yields the quantized network with its rounding errors dealt anew among the weights of each output channel, `draws` times.

    Activations are rounded as in `quantized` and biases are its own: only which weight got which error is left to chance, so that the norm
    of every channel's error stays, and so does its sum (which isotropic noise breaks, as in a first layer that whitens). The model that is
    yielded is one and the same, changed in place from draw to draw.

    Guarantees: for a model whose weights carry no trace of the grid, rounding is one draw of this noise as good as any other.
    Limits: the errors of one channel are exchangeable only where they do not depend on the size of the weight; float formats, whose steps
    grow with it, break that, which is why a study checks its control on models that unlearned nothing.
    """
    errors = rounding_errors(model, quantized)
    noisy = deepcopy(quantized)
    layers = {name: layer for name, layer in noisy.named_modules() if isinstance(layer, QuantizedLayer) and name in errors}
    clean = {name: layer.weight.detach() - errors[name] for name, layer in layers.items()}
    for _ in range(draws):
        for name, layer in layers.items():
            layer.weight.copy_(clean[name] + dealt(errors[name], layer.axis, rng))
        yield noisy


def dealt(error: Tensor, axis: int, rng: Generator) -> Tensor:
    """The entries of each output channel in another order.

    >>> from canforget.rng import generator
    >>> mixed = dealt(torch.arange(8.0).view(2, 4), 0, generator("doctest"))
    >>> mixed.sort(dim=1).values.tolist()
    [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
    """
    moved = error.movedim(axis, 0)
    rows = moved.flatten(1)
    order = torch.rand(rows.shape, generator=rng).to(rows.device).argsort(dim=1)
    return rows.gather(1, order).view_as(moved).movedim(0, axis)


def weight_of(root: nn.Module, name: str) -> Tensor:
    """The weight of a layer by its name."""
    weight = root.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight.detach()
