"""A classifier that normalizes for itself: raw pixels in, logits out; and what is needed to build it again."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from canforget.data.images import Images
from canforget.errors import SpecError

COUNTED_BYTES = 2**24


@dataclass(frozen=True)
class Architecture:
    """All that rebuilds a network: its name and hyperparameters, the classes, the image shape [c, h, w], the normalization.

    `input_size` is the side in pixels that images are resized to before the net sees them (0: as they are).
    """

    name: str
    num_classes: int
    image_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    input_size: int = 0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.num_classes < 1 or min(self.image_shape, default=0) < 1 or self.input_size < 0:
            shape = " x ".join(map(str, self.image_shape))
            raise SpecError(f"{self.name}: {self.num_classes} classes of {shape} images, resized to {self.input_size}, cannot be")
        if not len(self.mean) == len(self.std) or len(self.mean) not in (1, self.image_shape[0]):
            raise SpecError(f"{self.name}: {len(self.mean)} means and {len(self.std)} deviations for {self.image_shape[0]} channels")
        if not all(map(isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise SpecError(f"{self.name}: means must be finite and deviations above 0, not {self.mean} and {self.std}")


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
        if self.size:
            scaled = interpolate(scaled, size=(self.size, self.size), mode="bilinear", antialias=True)
        return scaled


class Add(nn.Module):
    """The sum of two activations, as a module of its own so that quantizers can find and observe it."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Classifier(nn.Module):
    """`net` behind its normalization; `architecture` says how to build it again (None for a user's own module)."""

    def __init__(self, net: nn.Module, normalize: Normalize, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.normalize = normalize
        self.net = net
        self.architecture = architecture

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(self.normalize(x))
        return logits


def wrap(module: nn.Module, images: Images) -> Classifier:
    """Returns a user's own `module`, which takes normalized images, behind the normalization of `images`' channel statistics."""
    mean, std = channel_statistics(images)
    return Classifier(module, Normalize(mean, std))


def channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation of each channel as fractions of 255, in float64; a constant channel's deviation counts as 1.

    >>> pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    >>> channel_statistics(Images.of(pixels, torch.zeros(2)))
    ((0.5,), (0.5,))
    """
    means, deviations = [], []
    for counts in value_counts(images).double():
        values = torch.arange(256, dtype=torch.float64, device=counts.device) / 255
        mean = (counts @ values) / counts.sum()
        means.append(float(mean))
        deviations.append(float((counts @ (values - mean) ** 2 / counts.sum()).sqrt()) or 1.0)
    return tuple(means), tuple(deviations)


def value_counts(images: Images) -> Tensor:
    """How often each value 0..255 stands in each channel: int64 [channels, 256]; the images are read some megabytes at a time."""
    channels = images.x.shape[1]
    counts = torch.zeros(channels, 256, dtype=torch.long, device=images.x.device)
    for start in range(0, len(images), step := max(1, COUNTED_BYTES * len(images) // max(images.x.nbytes, 1))):
        for channel, values in enumerate(images.x[start : start + step].unbind(1)):
            counts[channel] += torch.bincount(values.flatten(), minlength=256)
    return counts
