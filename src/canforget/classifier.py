"""A classifier that normalizes for itself: raw pixels in, logits out; and what is needed to build it again."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class Architecture:
    """All that rebuilds a network of a given shape: its name and hyperparameters, the classes, the image shape [c, h, w], the normalization."""

    name: str
    num_classes: int
    image_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    input_size: int = 0


class Normalize(nn.Module):
    """The first layer: uint8 or float pixels in 0..255 to (x / 255 - mean) / std, resized to `size` when it is not 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], size: int = 0) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        scaled = (x.float() - 255 * self.mean) / (255 * self.std)
        if self.size and scaled.shape[-1] != self.size:
            scaled = interpolate(scaled, size=(self.size, self.size), mode="bilinear", antialias=True)
        return scaled


class Classifier(nn.Module):
    """`net` behind its normalization; `architecture` says how to build it again (None for a user's own module)."""

    def __init__(self, net: nn.Module, normalize: Normalize, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.normalize = normalize
        self.net = net
        self.architecture = architecture

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.normalize(x))  # type: ignore[no-any-return]
