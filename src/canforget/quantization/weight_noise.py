"""Control: weight noise with the norm and the sum of each channel's rounding error, in the rounded network itself."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from canforget.quantization.folding import folded, refolded
from canforget.quantization.grid import Codes, blocked, decode, unblocked
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.quantized import QuantizedClassifier


def rounding_errors(model: nn.Module, quantized: nn.Module) -> dict[str, Tensor]:
    """Rounding error Q(w) - w of every layer's weight, in the weight's shape, by the layer's name; w in the network with BatchNorm folded."""
    root = refolded(model, quantized.folding) if isinstance(quantized, QuantizedClassifier) else folded(model)
    return {name: held.values() - weight_of(root, name) for name, held in codes(quantized).items()}


def disturbed(model: nn.Module, quantized: nn.Module, draws: int, rng: Generator) -> Iterator[nn.Module]:
    """Yields the quantized network with its rounding errors dealt anew among the weights of each output channel, `draws` times.

    Errors change places only among weights whose codes are as far apart on both sides: all of a channel for integers; for floats those of
    one exponent, powers of two by themselves (the next code below is half as far as that above, so that rounding shrinks what becomes one);
    of one code for other tables. Activations are rounded as in `quantized` and biases are its own: only which weight got which error is
    left to chance, so that the norm of every channel's error stays, and so does its sum (which isotropic noise breaks, as in a first layer
    that whitens). The model that is yielded is one and the same, changed in place from draw to draw.

    Guarantees: for a model whose weights carry no trace of the grid, rounding is one draw of this noise as good as any other.
    Limits: that is so in good approximation only, which is why a study checks its control on models that unlearned nothing.
    """
    errors = rounding_errors(model, quantized)
    noisy = deepcopy(quantized)
    layers = {name: layer for name, layer in noisy.named_modules() if isinstance(layer, QuantizedLayer) and name in errors}
    clean = {name: layer.weight.detach() - errors[name] for name, layer in layers.items()}
    alike = {name: steps_alike(held) for name, held in codes(quantized).items()}
    for _ in range(draws):
        for name, layer in layers.items():
            layer.weight.copy_(clean[name] + dealt(errors[name], alike[name], layer.axis, rng))
        yield noisy


def dealt(error: Tensor, alike: Tensor, axis: int, rng: Generator) -> Tensor:
    """The entries of each output channel in another order, changing places only where `alike` (whole numbers) agrees.

    >>> from canforget.rng import generator
    >>> mixed = dealt(torch.arange(8.0).view(2, 4), torch.tensor([[0, 0, 0, 1]] * 2), 0, generator("doctest"))
    >>> mixed.sort(dim=1).values.tolist(), mixed[:, 3].tolist()
    ([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]], [3.0, 7.0])
    """
    moved = error.movedim(axis, 0)
    rows, groups = moved.flatten(1), alike.movedim(axis, 0).flatten(1).double()
    chance = torch.rand(rows.shape, generator=rng, dtype=torch.float64).to(rows.device)
    places, order = groups.argsort(dim=1, stable=True), (groups + chance).argsort(dim=1)
    return torch.empty_like(rows).scatter_(1, places, rows.gather(1, order)).view_as(moved).movedim(0, axis)


SMALLEST = {"e4m3": -5, "e5m2": -13, "e2m1": 1, "bfloat16": -125, "float16": -13}
"""Exponent (as `torch.frexp` counts it) of each float format's smallest normal number: below it, steps stay as wide."""


def steps_alike(held: Codes) -> Tensor:
    """A whole number for every weight, the same for those whose codes' neighbors, below and above, are as far away within their scale."""
    if held.grid.kind == "int":
        return torch.zeros_like(held.codes, dtype=torch.int64)
    if held.grid.kind not in SMALLEST:
        return held.codes.long()
    blocks = decode(blocked(held.codes, held.axis, held.grid), torch.ones(()), None, held.grid)
    fraction, exponent = torch.frexp(unblocked(blocks, held.codes.shape, held.axis))
    smallest = SMALLEST[held.grid.kind]
    uneven = (fraction.abs() == 0.5) & (exponent > smallest)
    return 2 * exponent.clamp(min=smallest).long() + uneven


def weight_of(root: nn.Module, name: str) -> Tensor:
    """The weight of a layer by its name."""
    weight = root.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight.detach()
