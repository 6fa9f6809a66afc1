"""Pixels that stay in the arrays they lie in, on a disk as a rule: a tensor to whoever uses it, of which only what is used is read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from canforget.data.dataset import Ids, Pixels

Index = Tensor | slice | int


def reading_all(_: type, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What any operation on tensors does with `PixelRows`: reads them first."""
    given, named = tree_map_only(PixelRows, PixelRows.read, (args, kwargs or {}))
    return function(*given, **named)


def shown_unread(rows: Tensor) -> str:
    """How `PixelRows` show themselves: without being read."""
    return f"PixelRows({' x '.join(map(str, rows.shape))})"


class PixelRows(Tensor):
    """Raw pixels uint8 [n, c, h, w] in 0..255: chosen rows of arrays, of which nothing is copied before it is used.

    An index of the first dimension reads these images and no others, into a plain tensor; any other operation reads all of them first, so
    that code which knows nothing of this class works, and costs the memory it always did. Nothing can be written through it. A part of the
    rows that is not read yet is `subset`; rows of several sets are `concatenated`.

    Args:
        arrays: uint8 [m, c, h, w] each; a row is counted through all of them, one after another.
        rows: int64 [n].
        device: Where what is read is put.

    >>> rows = PixelRows([numpy.arange(6, dtype=numpy.uint8).reshape(6, 1, 1, 1)], torch.tensor([5, 0, 3]))
    >>> rows, rows[1:].flatten(), int(rows.sum())
    (PixelRows(3 x 1 x 1 x 1), tensor([0, 3], dtype=torch.uint8), 8)
    """

    arrays: tuple[Pixels, ...]
    rows: Tensor
    __torch_function__: Any = torch._C._disabled_torch_function_impl
    __torch_dispatch__: Any = classmethod(reading_all)
    __repr__: Any = shown_unread

    @staticmethod
    def __new__(cls, arrays: Sequence[Pixels], rows: Tensor, device: torch.device | str = "cpu") -> "PixelRows":
        shape = (len(rows), *arrays[0].shape[1:])
        made: PixelRows = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.uint8, device=torch.device(device))
        made.arrays, made.rows = tuple(arrays), rows.cpu()
        return made

    def subset(self, index: Index) -> "PixelRows":
        """The rows that `index` chooses, not read."""
        return PixelRows(self.arrays, self.rows_at(index), self.device)

    def on(self, device: torch.device | str) -> "PixelRows":
        """The same rows, to be put on `device` when they are read."""
        return PixelRows(self.arrays, self.rows, device)

    def read(self, index: Index = slice(None)) -> Tensor:
        """A copy of the images that `index` chooses."""
        rows = self.rows_at(index)
        return torch.from_numpy(self.copied(rows.flatten().numpy())).to(self.device).view(*rows.shape, *self.shape[1:])

    def rows_at(self, index: Index) -> Tensor:
        """The rows, which lie on the CPU, that an index on whatever device chooses."""
        return self.rows[index.cpu() if isinstance(index, Tensor) else index]

    def copied(self, rows: Ids) -> Pixels:
        """The pixels of rows of the arrays."""
        ends = numpy.cumsum([len(array) for array in self.arrays])
        places = numpy.searchsorted(ends, rows, side="right")
        pixels = numpy.empty((len(rows), *self.shape[1:]), dtype=numpy.uint8)
        for place, array in enumerate(self.arrays):
            chosen, within = places == place, rows - (ends[place] - len(array))
            if len(rows) and chosen.all():
                pixels = numpy.take(array, within, axis=0)
                break
            pixels[chosen] = numpy.take(array, within[chosen], axis=0)
        return pixels

    def __getitem__(self, index: Any) -> Tensor:
        return self.read(index) if isinstance(index, int | Tensor | slice) else self.read()[index]

    def numpy(self, *, force: bool = False) -> Any:
        """All pixels as an array."""
        return self.read().numpy(force=force)

    def tolist(self) -> Any:
        """All pixels as lists of numbers."""
        return self.read().tolist()

    def __deepcopy__(self, memo: object) -> "PixelRows":
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.read().__reduce_ex__(protocol)


def among(x: Tensor, index: Index) -> Tensor:
    """The images of `x` that `index` chooses: a copy or a view of plain pixels, unread rows of `PixelRows`."""
    return x.subset(index) if isinstance(x, PixelRows) else x[index]


def picked(x: Tensor, chosen: Tensor) -> Tensor:
    """A plain copy of the images `chosen` (int64 [n], on any device) of `x`, read at once."""
    return x.read(chosen) if isinstance(x, PixelRows) else x.index_select(0, chosen.to(x.device))


def placed(x: Tensor, device: torch.device | str) -> Tensor:
    """Pixels on a device."""
    return x.on(device) if isinstance(x, PixelRows) else x.to(device)


def concatenated(parts: Sequence[Tensor]) -> Tensor:
    """All images of `parts`, one after another; where some are `PixelRows`, none is copied, and those in memory are rows beside them.

    >>> pixels = numpy.arange(4, dtype=numpy.uint8).reshape(4, 1, 1, 1)
    >>> both = concatenated([PixelRows([pixels], torch.tensor([3, 1])), PixelRows([pixels], torch.tensor([0])), torch.full((1, 1, 1, 1), 9).byte()])
    >>> both.flatten().tolist(), [len(array) for array in both.arrays]
    ([3, 1, 0, 9], [4, 1])
    """
    if not any(isinstance(part, PixelRows) for part in parts):
        return torch.cat(list(parts))
    rows = [
        part if isinstance(part, PixelRows) else PixelRows([part.cpu().numpy()], torch.arange(len(part)), part.device) for part in parts
    ]
    arrays = {id(array): array for part in rows for array in part.arrays}
    lengths = [len(array) for array in arrays.values()]
    starts = dict(zip(arrays, numpy.cumsum([0, *lengths[:-1]]).tolist(), strict=True))
    return PixelRows(list(arrays.values()), torch.cat([renumbered(part, starts) for part in rows]), rows[0].device)


def renumbered(part: PixelRows, starts: Mapping[int, int]) -> Tensor:
    """Rows of a part as they count where each of its arrays starts elsewhere (by the array's `id`)."""
    ends = numpy.cumsum([len(array) for array in part.arrays])
    moves = numpy.array([starts[id(array)] - (end - len(array)) for array, end in zip(part.arrays, ends, strict=True)])
    return part.rows + torch.from_numpy(moves[numpy.searchsorted(ends, part.rows.numpy(), side="right")])
