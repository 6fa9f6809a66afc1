"""Images on one device: raw pixels, labels and ids; a subset is an indexing away, and a split never shares an id."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy
import torch
from torch import Generator, Tensor

from canforget.data.dataset import DataSet
from canforget.data.memory_limit import memory_limit
from canforget.data.pixel_rows import PixelRows, among, concatenated, picked, placed
from canforget.errors import DataError


@dataclass(eq=False)
class ImagesRead:
    """How many images were read in batches, each as often as it was read: what a method costs, on whatever machine."""

    number: int = 0


READERS: list[ImagesRead] = []


@contextmanager
def counting_reads() -> Iterator[ImagesRead]:
    """Counts the images that are read in batches until the block ends."""
    count = ImagesRead()
    READERS.append(count)
    try:
        yield count
    finally:
        READERS.remove(count)


def note_read(images: int) -> None:
    """Adds to every count that is being taken."""
    for count in READERS:
        count.number += images


@dataclass(frozen=True)
class Images:
    """N images on one device: pixels uint8 [n, channels, height, width] in 0..255, labels int64 [n], ids int64 [n].

    The model normalizes for itself, so that training, calibration, audit and deployment cannot disagree about it. An id is the
    image's place in the source data set. Pixels of a large data set stay on the disk: `x[index]` reads the images that it chooses, a
    subset reads none, and `x` is a tensor all the same.
    """

    x: Tensor
    y: Tensor
    ids: Tensor

    def __post_init__(self) -> None:
        if self.x.dtype != torch.uint8 or self.x.ndim != 4:
            raise DataError(
                f"images: pixels must be uint8 [n, c, h, w], not {self.x.dtype} {list(self.x.shape)}; pass raw pixels in 0..255"
            )
        if not len(self.x) == len(self.y) == len(self.ids):
            raise DataError(f"images: {len(self.x)} pixel arrays, {len(self.y)} labels and {len(self.ids)} ids; all must be as many")

    @classmethod
    def of(cls, x: Tensor, y: Tensor, ids: Tensor | None = None) -> "Images":
        """Images from pixels and labels; ids count from 0 unless given."""
        return cls(x, y.long(), torch.arange(len(x), device=x.device) if ids is None else ids)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Tensor | slice) -> "Images":
        return Images(among(self.x, index), self.y[index], self.ids[index])

    def to(self, device: torch.device | str) -> "Images":
        """The same images on `device`."""
        return Images(placed(self.x, device), self.y.to(device), self.ids.to(device))

    def only(self, ids: Tensor) -> "Images":
        """The images whose ids are among `ids`, in this set's order."""
        return self[torch.isin(self.ids, ids.to(self.ids.device))]

    def batches(self, size: int, rng: Generator | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Pixels and labels, `size` at a time: in order, or shuffled by `rng`; the last batch may be smaller."""
        order = None if rng is None else torch.randperm(len(self), generator=rng).to(self.y.device)
        for start in range(0, len(self), size):
            chosen = slice(start, start + size) if order is None else order[start : start + size]
            x = self.x[chosen] if isinstance(chosen, slice) else picked(self.x, chosen)
            note_read(len(x))
            yield x, self.y[chosen]


def together(*parts: Images) -> Images:
    """All images of `parts`, one after another."""
    return Images(concatenated([p.x for p in parts]), torch.cat([p.y for p in parts]), torch.cat([p.ids for p in parts]))


@dataclass(frozen=True)
class Split:
    """Every set of a split, as images. Forget and retain are what is trained on; val, held-out and test never are.

    `test_forget` are the test images matched to the forget set, `test_retain` those of classes that are retained; `calibration` is a
    part of retain. `coins`: a fair coin decided of each image of forget and held-out set. Raises `DataError` when an image is in two sets that must not share one.
    """

    forget: Images
    retain: Images
    val: Images
    held_out: Images
    test: Images
    test_forget: Images
    test_retain: Images
    calibration: Images
    classes: tuple[str, ...]
    coins: bool = False

    def __post_init__(self) -> None:
        apart = {"forget": self.forget, "retain": self.retain, "val": self.val, "held_out": self.held_out, "test": self.test}
        every = torch.cat([images.ids for images in apart.values()])
        if len(torch.unique(every)) != len(every):
            raise DataError(f"split: an image is in two of {', '.join(apart)}; make these sets disjoint")
        if not torch.isin(self.calibration.ids, self.retain.ids).all():
            raise DataError("split: calibration touches images outside the retain set; draw it from the retain set only")

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @property
    def forgotten_classes(self) -> tuple[int, ...]:
        """The classes of which nothing is retained."""
        return tuple(sorted(set(self.forget.y.tolist()) - set(self.retain.y.tolist())))


MEMORY_SHARE = 32
GPU_MEMORY_SHARE = 8
"""Pixels that take more than one in so many bytes of the memory stay on the disk: in memory a study holds them three or four times (the set,
its parts, what is trained on), on a CPU in every worker. A GPU waits for them, so there they may take more."""


def images_of(data: DataSet, device: torch.device | str = "cpu") -> Images:
    """Returns all images of a data set, decoded, training images first, with the ids of its tables.

    Pixels that are much for the memory that the process may use are left on the disk, and read a batch at a time.
    """
    labels, ids = (torch.tensor(numpy.concatenate([getattr(t, what) for t in (data.train, data.test)])) for what in ("labels", "ids"))
    parts = data.pixels()
    if sum(part.nbytes for part in parts) > room_for_pixels(torch.device(device)):
        return Images(PixelRows(parts, torch.arange(len(ids)), device), labels.to(device), ids.to(device))
    return Images(torch.from_numpy(numpy.concatenate(parts)), labels, ids).to(device)


def room_for_pixels(device: torch.device) -> int:
    """Bytes of memory that the pixels of a data set may take where they are to lie."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory // GPU_MEMORY_SHARE)
    return memory_limit() // MEMORY_SHARE
