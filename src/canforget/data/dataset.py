"""What planning may know of a data set at once: labels, ids, file names and class names; pixels stay undecoded until asked for."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
from numpy.typing import NDArray

from canforget.errors import DataError

Ids = NDArray[numpy.int64]
Mask = NDArray[numpy.bool_]
Pixels = NDArray[numpy.uint8]
Names = NDArray[numpy.object_]


@dataclass(frozen=True, eq=False)
class Table:
    """Labels int64 [n], ids int64 [n] and, where the source has them, file names [n] of a set of images.

    An id is an image's place in its source: training images count from 0 to n - 1, test images continue after them, so that no id means
    two images. A name is the path of the image's file within its part of the data set, with forward slashes; "" where it has none.
    """

    labels: NDArray[numpy.int64]
    ids: Ids
    names: Names | None = None

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.ids):
            raise DataError(f"table: {len(self.labels)} labels and {len(self.ids)} ids; there must be as many")
        if self.names is not None and len(self.names) != len(self.ids):
            raise DataError(f"table: {len(self.names)} names and {len(self.ids)} ids; there must be as many, or no names")

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, mask: Mask) -> "Table":
        """The rows that `mask` [n] selects."""
        return Table(self.labels[mask], self.ids[mask], None if self.names is None else self.names[mask])

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
    `pixels()` returns train and test as uint8 [n, c, h, w] in 0..255, in the order of the tables. `root` is the folder that the images'
    files lie in, where they are files. `test_is_cut` says that nobody set the test images apart: they were cut off, by name or row.
    """

    name: str
    train: Table
    test: Table
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fingerprint: str
    pixels: Callable[[], tuple[Pixels, Pixels]]
    root: Path | None = None
    test_is_cut: bool = False

    def __post_init__(self) -> None:
        for part, table in (("training", self.train), ("test", self.test)):
            if not len(table):
                raise DataError(f"{self.name}: the {part} part has no images; add some, or have another test_fraction= cut off")


def first_images(data: DataSet, train_count: int | None, test_count: int | None) -> DataSet:
    """`data` with only the first `train_count` training and `test_count` test images, ids counted anew; `None` keeps all of a part."""
    if train_count is None and test_count is None:
        return data
    kept = [count or len(part) for count, part in ((train_count, data.train), (test_count, data.test))]
    for name, count, part in zip(("train_count", "test_count"), kept, (data.train, data.test), strict=True):
        if count > len(part):
            raise DataError(f"{data.name}: {name}={count}: there are {len(part)} images; give at most that")

    def pixels() -> tuple[Pixels, Pixels]:
        train, test = data.pixels()
        return train[: kept[0]], test[: kept[1]]

    train, test = tables_of(data.train.labels[: kept[0]], data.test.labels[: kept[1]])
    fingerprint = hashlib.sha256(f"{data.fingerprint}/{kept}".encode()).hexdigest()
    return replace(data, train=train, test=test, pixels=pixels, fingerprint=fingerprint)


def tables_of(
    train_labels: NDArray[numpy.int64], test_labels: NDArray[numpy.int64], names: tuple[Names, Names] | None = None
) -> tuple[Table, Table]:
    """Train and test table with ids that count on from one to the other, and with the names of both parts where there are any.

    >>> [t.ids.tolist() for t in tables_of(numpy.array([0, 1]), numpy.array([1]))]
    [[0, 1], [2]]
    """
    n, m = len(train_labels), len(test_labels)
    named, test_named = names or (None, None)
    train = Table(numpy.asarray(train_labels, dtype=numpy.int64), numpy.arange(n), named)
    return train, Table(numpy.asarray(test_labels, dtype=numpy.int64), numpy.arange(n, n + m), test_named)


def names_array(names: Sequence[str]) -> Names:
    """Names as an array of Python texts, whatever their lengths."""
    found = numpy.empty(len(names), dtype=object)
    found[:] = names
    return found
