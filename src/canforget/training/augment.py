"""Data augmentation of whole uint8 batches: random crops with reflection padding, horizontal flips and cutout."""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from canforget.data.pixel_rows import PixelRows, picked
from canforget.errors import SpecError
from canforget.fit_settings import Fit
from canforget.rng import generator

KEPT_BYTES = 2**30
"""Padded images are kept between batches up to this size, and made for each batch beyond it or where images lie on a disk: the draws and
the pixels are the same."""
KEPT_SETS = 4


@dataclass
class Augmenter:
    """Draws augmented batches of sets of images, and keeps the last few sets padded."""

    fit: Fit
    rng: Generator
    kept: dict[int, tuple[Tensor, "Crops"]] = field(default_factory=dict)
    sides: dict[int, Tensor] = field(default_factory=dict)

    def batch(self, x: Tensor, chosen: Tensor, epoch: int) -> Tensor:
        """The images `chosen` (indices on the CPU) of `x`, each augmented at random, in channels_last layout."""
        if not (self.fit.crop or self.fit.flip):
            return cut(picked(x, chosen), self.fit.cutout, self.rng).contiguous(memory_format=torch.channels_last)
        sides = self.alternating(len(x), epoch)[chosen] if self.fit.flip == "alternating" else None
        if isinstance(x, PixelRows) or x.nbytes * (2 if self.fit.flip else 1) > KEPT_BYTES:
            crops, chosen = self.crops(picked(x, chosen)), torch.arange(len(chosen))
        else:
            crops = self.padded(x)
        return cut(crops.draw(chosen, self.rng, sides), self.fit.cutout, self.rng)

    def alternating(self, images: int, epoch: int) -> Tensor:
        """Which of so many images are mirrored in an epoch (1) and which are not (0): half of them in the first, the others in the next.

        An image's side in the first epoch is decided by the seed of the training, so that one that was interrupted goes on alike.
        """
        if images not in self.sides:
            self.sides[images] = torch.randint(2, (images,), generator=generator(f"alternating/{self.rng.initial_seed()}"))
        return (self.sides[images] + epoch) % 2

    def padded(self, x: Tensor) -> "Crops":
        """The crops of `x`, made once for as long as it is among the last few sets asked for."""
        if id(x) not in self.kept:
            while len(self.kept) >= KEPT_SETS:
                del self.kept[next(iter(self.kept))]
            self.kept[id(x)] = x, self.crops(x)
        return self.kept[id(x)][1]

    def crops(self, x: Tensor) -> "Crops":
        """The crops of `x` that the fit asks for."""
        return Crops.of(x, self.fit.crop, bool(self.fit.flip))


@dataclass(frozen=True)
class Crops:
    """Every crop of n images and of their mirror images, as one view [n or 2n, rows, columns, h, w * c] into the images padded once."""

    view: Tensor
    channels: int
    mirrored: bool

    @classmethod
    def of(cls, x: Tensor, padding: int, mirrored: bool) -> "Crops":
        """The crops of `x` [n, c, h, w] shifted by up to `padding` pixels each way, mirrored at the border."""
        _, c, h, w = x.shape
        if padding >= min(h, w):
            raise SpecError(f"fit: crop = {padding} must be smaller than the image ({h} x {w} pixels)")
        rows, columns = (mirror(size, padding).to(x.device) for size in (h, w))
        padded = x.permute(0, 2, 3, 1)[:, rows][:, :, columns]
        padded = torch.cat([padded, padded.flip(2)]) if mirrored else padded.contiguous()
        image, row, column, _ = padded.stride()
        shifts = 2 * padding + 1
        view = padded.as_strided((len(padded), shifts, shifts, h, w * c), (image, row, column, row, 1))
        return cls(view, c, mirrored)

    def draw(self, chosen: Tensor, rng: Generator, sides: Tensor | None = None) -> Tensor:
        """A random crop of each of the `chosen` images: [n, c, h, w]; of its mirror image, if there is one, where `sides` is 1 or by a coin."""
        copies, shifts, _, h, width = self.view.shape
        corner = torch.randint(shifts, (2, len(chosen)), generator=rng)
        if self.mirrored:
            sides = torch.randint(2, (len(chosen),), generator=rng) if sides is None else sides
            chosen = chosen + sides * (copies // 2)
        image, row, column = torch.stack([chosen, *corner]).to(self.view.device)
        return self.view[image, row, column].view(len(chosen), h, width // self.channels, self.channels).permute(0, 3, 1, 2)


def mirror(size: int, padding: int) -> Tensor:
    """The pixels that a row of `size` shows when it is continued by `padding` pixels on both sides as in a mirror.

    >>> mirror(4, 2).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    place = torch.arange(-padding, size + padding).abs()
    return torch.where(place < size, place, 2 * (size - 1) - place)


def cut(x: Tensor, side: int, rng: Generator) -> Tensor:
    """Each image with one square of `side` pixels blanked to 0."""
    if not side:
        return x
    n, _, h, w = x.shape
    corner = torch.stack([torch.randint(h - side + 1, (n,), generator=rng), torch.randint(w - side + 1, (n,), generator=rng)], 1).to(
        x.device
    )
    row = torch.arange(h, device=x.device)[None, :, None] - corner[:, 0, None, None]
    column = torch.arange(w, device=x.device)[None, None, :] - corner[:, 1, None, None]
    inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
    return x.masked_fill(inside[:, None], 0)
