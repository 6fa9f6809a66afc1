"""What planning may know of a data set at once: labels, ids and class names, with the pixels left undecoded until asked for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from canforget.errors import DataError

Ids = NDArray[numpy.int64]
Mask = NDArray[numpy.bool_]
Pixels = NDArray[numpy.uint8]


@dataclass(frozen=True, eq=False)
class Table:
    """Labels int64 [n] and ids int64 [n] of a set of images; an id is an image's place in its source.

    Training images count from 0 to n - 1; test images continue after them, so that no id means two images.
    """

    labels: NDArray[numpy.int64]
    ids: Ids

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.ids):
            raise DataError(f"table: {len(self.labels)} labels and {len(self.ids)} ids; there must be as many")

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, mask: Mask) -> "Table":
        """The rows that `mask` [n] selects."""
        return Table(self.labels[mask], self.ids[mask])

    def only(self, ids: Ids) -> "Table":
        """The rows whose ids are among `ids`, in this table's order.

        >>> Table(numpy.array([0, 1, 1]), numpy.array([7, 8, 9])).only(numpy.array([9, 7])).labels.tolist()
        [0, 1]
        """
        return self.where(numpy.isin(self.ids, ids))


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set: what planning needs of it, and a function that decodes its pixels.

    `image_shape` is (channels, height, width). `fingerprint` is a SHA-256 of whatever decides pixels and labels, never of a path.
    `pixels()` returns train and test as uint8 [n, c, h, w] in 0..255, in the order of the tables.
    """

    name: str
    train: Table
    test: Table
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fingerprint: str
    pixels: Callable[[], tuple[Pixels, Pixels]]


def tables_of(train_labels: NDArray[numpy.int64], test_labels: NDArray[numpy.int64]) -> tuple[Table, Table]:
    """Train and test table with ids that count on from one to the other.

    >>> [t.ids.tolist() for t in tables_of(numpy.array([0, 1]), numpy.array([1]))]
    [[0, 1], [2]]
    """
    n, m = len(train_labels), len(test_labels)
    train = Table(numpy.asarray(train_labels, dtype=numpy.int64), numpy.arange(n))
    return train, Table(numpy.asarray(test_labels, dtype=numpy.int64), numpy.arange(n, n + m))
