"""Weight noise of the norm of a rounding: the control that tells what rounding restores from what any disturbance does."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from canforget.quantization.folding import folded
from canforget.quantization.layer import codes


def errors(model: nn.Module, quantized: nn.Module) -> dict[str, float]:
    """Norm of each layer's rounding error ‖Q(u)_l - u_l‖, by the layer's name, in the network with BatchNorm folded."""
    root = folded(model).root
    return {name: float((held.values() - weight_of(root, name)).norm()) for name, held in codes(quantized).items()}


def disturbed(model: nn.Module, sizes: dict[str, float], draws: int, rng: Generator) -> Iterator[nn.Module]:
    """Yields `model` folded, with Gaussian noise of norm `sizes[layer]` in the weights of every layer, drawn anew `draws` times.

    The model that is yielded is one and the same, changed in place from draw to draw. Biases, and what layers read, are left alone.
    """
    root = folded(model).root.requires_grad_(False)
    clean = {name: weight_of(root, name).clone() for name in sizes}
    for _ in range(draws):
        for name, size in sizes.items():
            noise = torch.randn(clean[name].shape, generator=rng).to(clean[name])
            weight_of(root, name).copy_(clean[name] + noise * (size / float(noise.norm())))
        yield root


def weight_of(root: nn.Module, name: str) -> Tensor:
    """The weight of a layer by its name."""
    return root.get_submodule(name).weight.detach()  # type: ignore[operator]
