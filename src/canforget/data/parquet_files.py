"""Data sets in the Hugging Face Parquet layout: a row per image, with its encoded bytes and the number of its class."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.data.cache import cached_pixels, combined, content
from canforget.data.dataset import DataSet, Pixels, tables_of
from canforget.data.image_decoding import DECODING, Frame, Source, decode_all, frame_of
from canforget.data.stratify import fixed_part
from canforget.errors import DataError, SpecError, did_you_mean

Labels = NDArray[numpy.int64]


@dataclass(frozen=True)
class Layout:
    """How to read the rows: the columns of images and labels (the first of each that is there), and what frame to bring images to.

    `test_fraction` is the stratified part that becomes the test set where there are no test files.
    """

    images: tuple[str, ...] = ("image", "img")
    labels: tuple[str, ...] = ("label", "fine_label")
    size: int | None = None
    channels: int | None = None
    test_fraction: float = 0.2


def parquet_data_set(name: str, train: Sequence[Path], test: Sequence[Path], layout: Layout) -> DataSet:
    """The data set that Parquet files hold; reads labels now, and images when their pixels are asked for.

    Raises `DataError` that names file and row for a missing column, a file cut short, a label out of range or an image that is none.
    """
    image_column, label_column = (present(train[0], wanted) for wanted in (layout.images, layout.labels))
    names = class_names(train[0], label_column)
    labels = read_labels(train, label_column, len(names) or None)
    if not len(labels):
        raise DataError(f"{train[0]}: no rows")
    classes = names or tuple(str(c) for c in range(int(labels.max()) + 1))
    test_labels = read_labels(test, label_column, len(classes))
    where, first = next(rows(train, image_column))
    frame = frame_of(first, where, size=layout.size, channels=layout.channels)
    key = {part: pixels_key(files, image_column, frame) for part, files in (("train", train), ("test", test))}
    is_test = fixed_part(labels, [str(i) for i in range(len(labels))], checked_fraction(name, layout)) if not test else None

    def pixels() -> tuple[Pixels, Pixels]:
        x = cached_pixels(key["train"], len(labels), lambda: decode_all(rows(train, image_column), len(labels), frame))
        if is_test is not None:
            return x[~is_test], x[is_test]
        return x, cached_pixels(key["test"], len(test_labels), lambda: decode_all(rows(test, image_column), len(test_labels), frame))

    tables = tables_of(labels, test_labels) if is_test is None else tables_of(labels[~is_test], labels[is_test])
    fingerprint = combined(key, label_column, None if is_test is None else layout.test_fraction)
    return DataSet(name, *tables, classes, frame.shape, fingerprint, pixels)


def checked_fraction(name: str, layout: Layout) -> float:
    """The fraction of a test set that must be cut from the training files."""
    if not 0 < layout.test_fraction < 1:
        raise SpecError(f"{name}: test_fraction={layout.test_fraction}: must be greater than 0 and less than 1")
    return layout.test_fraction


def pixels_key(files: Sequence[Path], column: str, frame: Frame) -> str:
    """SHA-256 of all that decides the pixels of `files`, read in this order."""
    return combined(
        "parquet", DECODING, content({str(i): file for i, file in enumerate(files)}), column, frame.shape, frame.fitted, frame.converted
    )


def opened(file: Path) -> Any:
    """A Parquet file, its footer read; raises `DataError` when it is none, or not whole."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(f"{file}: not a whole Parquet file ({one_line(problem)}); copy or download it again") from None


def one_line(problem: BaseException) -> str:
    """The first line of what went wrong."""
    return str(problem).split("\n")[0].rstrip(". ")


def present(file: Path, wanted: tuple[str, ...]) -> str:
    """The first of the `wanted` columns that `file` has; raises `DataError` with the nearest name when it has none."""
    there = opened(file).schema_arrow.names
    for column in wanted:
        if column in there:
            return column
    raise DataError(f"{file}: no column '{wanted[0]}'{did_you_mean(wanted[0], there)} (it has: {', '.join(there)})")


def class_names(file: Path, column: str) -> tuple[str, ...]:
    """Names of the classes, from the metadata that Hugging Face writes; none when there are none."""
    metadata = opened(file).schema_arrow.metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return tuple(str(n) for n in features.get(column, {}).get("names", ()))
    except (ValueError, AttributeError, TypeError) as problem:
        raise DataError(f"{file}: the metadata 'huggingface' cannot be understood: {problem}") from None


def batches(file: Path, column: str) -> Iterator[Any]:
    """The values of one column, a few thousand at a time."""
    import pyarrow

    try:
        yield from (batch.column(0) for batch in opened(file).iter_batches(batch_size=4096, columns=[column]))
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(f"{file}: column '{column}' cannot be read ({one_line(problem)}); copy or download the file again") from None


def read_labels(files: Sequence[Path], column: str, num_classes: int | None) -> Labels:
    """Labels int64 [n] of all rows; raises `DataError` for one that is missing, no whole number, or out of range.

    Where the number of classes is not known, no label may exceed the number of rows: the largest one decides how many classes there are.
    """
    parts = [file_labels(file, column) for file in files]
    limit = sum(map(len, parts)) if num_classes is None else num_classes
    for file, labels in zip(files, parts, strict=True):
        wrong = numpy.flatnonzero((labels < 0) | (labels >= limit))
        if len(wrong):
            raise DataError(f"{file}: row {wrong[0]}: label {labels[wrong[0]]} in column '{column}' is out of range 0 to {limit - 1}")
    return numpy.concatenate([numpy.empty(0, numpy.int64), *parts])


def file_labels(file: Path, column: str) -> Labels:
    """Labels int64 [n] of one file."""
    import pyarrow

    present(file, (column,))
    parts: list[Labels] = [numpy.empty(0, numpy.int64)]
    for values in batches(file, column):
        if not pyarrow.types.is_integer(values.type):
            raise DataError(f"{file}: column '{column}' holds {values.type}, not class numbers; name the column of the numbers")
        if values.null_count:
            row = sum(map(len, parts)) + values.is_null().index(True).as_py()
            raise DataError(f"{file}: row {row}: no label in column '{column}'")
        parts.append(values.to_numpy().astype(numpy.int64))
    return numpy.concatenate(parts)


def rows(files: Sequence[Path], column: str) -> Iterator[tuple[str, Source]]:
    """The encoded image of each row, with the words that name the row; a column holds bytes, or {bytes, path} as Hugging Face has it."""
    import pyarrow

    for file in files:
        row = 0
        present(file, (column,))
        for values in batches(file, column):
            if pyarrow.types.is_struct(values.type) and values.type.get_field_index("bytes") >= 0:
                values = values.field("bytes")
            if not (pyarrow.types.is_binary(values.type) or pyarrow.types.is_large_binary(values.type)):
                raise DataError(f"{file}: column '{column}' holds {values.type}, not bytes of image files; name the column of the images")
            for encoded in values.to_pylist():
                if encoded is None:
                    raise DataError(f"{file}: row {row}: no image bytes in column '{column}'")
                yield f"{file}: row {row}", encoded
                row += 1
