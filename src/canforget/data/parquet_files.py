"""Data sets in the Hugging Face Parquet layout: a row per image, with its encoded bytes and the number of its class."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.data.cache import content, json_digest
from canforget.data.dataset import DataSet, Mask, Names, Pixels, names_array, tables_of
from canforget.data.image_decoding import DECODING, Frame, Source, decode_each, frame_of
from canforget.data.pixel_cache import cached_pixels
from canforget.data.stratify import fixed_part
from canforget.errors import DataError, SpecError, did_you_mean, shortened

Labels = NDArray[numpy.int64]
RawLabels = NDArray[Any]
"""Labels as a file has them: numbers, or words as objects."""
IMAGES_AT_ONCE = 128
"""Encoded images are large: a few thousand of them would be gigabytes."""


@dataclass(frozen=True)
class Layout:
    """How to read the rows: the columns of images and labels (the first of each that is there), and what frame to bring images to.

    `names` is a column of file names; without it they are the paths that Hugging Face writes beside the bytes. `classes` name the labels
    from 0 on; without them the metadata does. `test_fraction` is the stratified part that becomes the test set where there are no test
    files.
    """

    images: tuple[str, ...] = ("image", "img")
    labels: tuple[str, ...] = ("label", "fine_label")
    size: int | None = None
    channels: int | None = None
    test_fraction: float = 0.2
    names: str | None = None
    classes: tuple[str, ...] = ()


def parquet_data_set(name: str, train: Sequence[Path], test: Sequence[Path], layout: Layout) -> DataSet:
    """The data set that Parquet files hold; reads labels and file names now, and images when their pixels are asked for.

    Raises `DataError` that names file and row for a missing column, a file cut short, a label out of range or an image that is none.
    """
    image_column, label_column = (present(train[0], wanted) for wanted in (layout.images, layout.labels))
    raw, test_raw = (raw_labels(files, label_column) for files in (train, test))
    if not sum(map(len, raw)):
        raise DataError(f"{train[0]}: no rows; name files that hold images")
    classes = layout.classes or class_names([*train, *test], label_column) or named_by_labels(raw)
    labels = read_labels(train, raw, label_column, classes)
    classes = classes or tuple(str(c) for c in range(int(labels.max()) + 1))
    test_labels = read_labels(test, test_raw, label_column, classes)
    where, first = next(rows(train, image_column))
    frame = frame_of(first, where, size=layout.size, channels=layout.channels)
    key = {part: pixels_key(files, image_column, frame) for part, files in (("train", train), ("test", test))}
    is_test = fixed_part(labels, [str(i) for i in range(len(labels))], checked_fraction(name, layout)) if not test else None

    def pixels() -> tuple[Pixels, Pixels]:
        every = Part(name, train, image_column, frame, key["train"])
        if is_test is not None:
            return every.decoded(~is_test, "train"), every.decoded(is_test, "test")
        unseen = replace(every, files=test, key=key["test"])
        return every.decoded(numpy.ones(len(labels), bool), "train"), unseen.decoded(numpy.ones(len(test_labels), bool), "test")

    names, test_names = (file_names(files, image_column, layout.names) for files in (train, test))
    if is_test is None:
        tables = tables_of(labels, test_labels, (names, test_names))
    else:
        tables = tables_of(labels[~is_test], labels[is_test], (names[~is_test], names[is_test]))
    words = [classes] if any(part.dtype == object for part in raw) else []
    fingerprint = json_digest(key, label_column, None if is_test is None else layout.test_fraction, *words)
    return DataSet(name, *tables, classes, frame.shape, fingerprint, pixels, test_is_cut=is_test is not None)


@dataclass(frozen=True)
class Part:
    """Rows of some files whose images are decoded: the name of their data set, the column, the frame and the hash of all that decides."""

    name: str
    files: Sequence[Path]
    column: str
    frame: Frame
    key: str

    def decoded(self, chosen: Mask, words: str) -> Pixels:
        """Pixels of the rows that `chosen` selects, of all files one after another."""
        count = int(chosen.sum())
        key = self.key if count == len(chosen) else json_digest(self.key, numpy.packbits(chosen).tobytes().hex())

        def decode(start: int) -> Iterator[Pixels]:
            left = chosen & (numpy.cumsum(chosen) > start)
            yield from decode_each(rows(self.files, self.column, left), self.frame)
            if pixels_key(self.files, self.column, self.frame) != self.key:
                raise DataError(f"{self.name}: {self.files[0].parent}: a file changed while its images were decoded; run it again")

        return cached_pixels(key, (count, *self.frame.shape), f"{self.name}: {self.files[0].parent} ({words})", decode)


def checked_fraction(name: str, layout: Layout) -> float:
    """The fraction of a test set that must be cut from the training files."""
    if not 0 < layout.test_fraction < 1:
        raise SpecError(f"{name}: test_fraction={layout.test_fraction}: must be greater than 0 and less than 1")
    return layout.test_fraction


def pixels_key(files: Sequence[Path], column: str, frame: Frame) -> str:
    """SHA-256 of all that decides the pixels of `files`, read in this order."""
    return json_digest(
        "parquet", DECODING, content({str(i): file for i, file in enumerate(files)}), column, frame.shape, frame.fitted, frame.converted
    )


def opened_parquet(file: Path) -> Any:
    """A Parquet file, its footer read; raises `DataError` when it is none, or not whole."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(f"{file}: not a whole Parquet file ({message_of(problem)}); copy or download it again") from None


def message_of(problem: BaseException) -> str:
    """The first line of what went wrong."""
    return str(problem).split("\n")[0].rstrip(". ")


def present(file: Path, wanted: tuple[str, ...]) -> str:
    """The first of the `wanted` columns that `file` has; raises `DataError` that shows the columns when it has none."""
    schema = opened_parquet(file).schema_arrow
    for column in wanted:
        if schema.names.count(column) > 1:
            raise DataError(f"{file}: two columns are called '{column}'; rename one")
        if column in schema.names:
            return column
    nested = next((field.name for field in schema if wanted[0] in children(field.type)), None)
    hint = did_you_mean(wanted[0], schema.names)
    hint = f"; it lies inside '{nested}': write it as a column of its own" if nested else hint if hint.startswith("; did") else ""
    there = ", ".join(f"{field.name} ({shortened(str(field.type))})" for field in list(schema)[:20])
    raise DataError(f"{file}: no column '{wanted[0]}'{hint} (it has: {there or 'no columns'})")


def children(kind: Any) -> list[str]:
    """Names of the fields of a struct; none of another type."""
    import pyarrow

    return [kind.field(i).name for i in range(kind.num_fields)] if pyarrow.types.is_struct(kind) else []


def class_names(files: Sequence[Path], column: str) -> tuple[str, ...]:
    """Names of the classes, from the metadata that Hugging Face writes; none when there are none. All files must agree."""
    found = {
        file: names_in((opened_parquet(file).schema_arrow.metadata or {}).get(b"huggingface", b"{}"), column, str(file)) for file in files
    }
    named = {file: names for file, names in found.items() if names}
    first = next(iter(named), None)
    for file, names in named.items():
        if names != named[first or file]:
            raise DataError(f"{file}: names other classes than {first}, or in another order; write both with the same list of classes")
    return named[first] if first else ()


def names_in(metadata: bytes, column: str, where: str) -> tuple[str, ...]:
    """Names of a column's classes in the metadata `huggingface`: a list, or a table from number to name; none when it does not say."""
    try:
        features = json.loads(metadata).get("info", {}).get("features", {})
        names = features.get(column, {}).get("names", ())
        if isinstance(names, dict):
            names = [names[str(i)] for i in range(len(names))]
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as problem:
        raise DataError(f"{where}: the metadata 'huggingface' cannot be understood ({type(problem).__name__}); pass classes=") from None
    if not isinstance(names, list | tuple) or not all(isinstance(n, str | int) for n in names):
        raise DataError(f"{where}: the metadata 'huggingface' has no list of class names for '{shortened(column)}'; pass classes=")
    return distinct(tuple(str(n) for n in names), where)


def distinct(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Class names, each of which names one class."""
    twice = next((n for n in names if names.count(n) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise DataError(f"{where}: two classes are called '{shortened(twice)}'; give every class a name of its own, as in classes=cat,dog")
    return names


def batches(file: Path, column: str, size: int = 4096) -> Iterator[Any]:
    """The values of one column, `size` at a time."""
    import pyarrow

    try:
        for batch in opened_parquet(file).iter_batches(batch_size=size, columns=[column]):
            values = batch.column(0)
            yield values.dictionary_decode() if pyarrow.types.is_dictionary(values.type) else values
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(f"{file}: column '{column}' cannot be read ({message_of(problem)}); copy or download the file again") from None


def named_by_labels(raw: Sequence[RawLabels]) -> tuple[str, ...]:
    """The classes of labels that are words: all words, sorted; none when labels are numbers."""
    return tuple(sorted({word for labels in raw if labels.dtype == object for word in labels.tolist()}))


def read_labels(files: Sequence[Path], raw: Sequence[RawLabels], column: str, classes: tuple[str, ...]) -> Labels:
    """Labels int64 [n] of all rows; raises `DataError` for one that is out of range, or a word that is no class.

    Where the number of classes is not known, no label may exceed the number of rows: the largest one decides how many classes there are.
    """
    parts, known = [numpy.empty(0, numpy.int64)], {name: number for number, name in enumerate(classes)}
    limit = len(classes) or sum(map(len, raw))
    for file, labels in zip(files, raw, strict=True):
        if labels.dtype == object:
            row = next((i for i, word in enumerate(labels.tolist()) if word not in known), None)
            if row is not None:
                raise DataError(f"{file}: row {row}: label '{shortened(labels[row])}' is no class{did_you_mean(labels[row], classes)}")
            labels = numpy.array([known[word] for word in labels.tolist()], dtype=numpy.int64)
        wrong = numpy.flatnonzero((labels < 0) | (labels >= limit))
        if len(wrong):
            raise DataError(f"{file}: row {wrong[0]}: label {labels[wrong[0]]} in column '{column}' is out of range 0 to {limit - 1}")
        parts.append(labels)
    return numpy.concatenate(parts)


def raw_labels(files: Sequence[Path], column: str) -> list[RawLabels]:
    """The labels of each file as they are: int64 [n], or words [n]; raises `DataError` for one that is missing or of another type."""
    found: list[RawLabels] = []
    for file in files:
        present(file, (column,))
        values = list(label_values(file, column))
        found.append(numpy.concatenate(values) if values else numpy.empty(0, numpy.int64))
    kinds = {labels.dtype == object for labels in found if len(labels)}
    if len(kinds) > 1:
        raise DataError(f"{files[0]}: column '{column}' holds words in some files and numbers in others; write all alike")
    return found


def label_values(file: Path, column: str) -> Iterator[RawLabels]:
    """The labels of one file, a few thousand at a time."""
    import pyarrow

    row = 0
    for values in batches(file, column):
        if values.null_count:
            raise DataError(
                f"{file}: row {row + values.is_null().index(True).as_py()}: no label in column '{column}'; fill it or drop the row"
            )
        if is_text(values.type):
            yield names_array(values.to_pylist())
        elif pyarrow.types.is_integer(values.type):
            yield values.to_numpy().astype(numpy.int64)
        else:
            kind = shortened(str(values.type))
            raise DataError(
                f"{file}: column '{column}' holds {kind}, not class numbers or names; name another column, or write whole numbers"
            )
        row += len(values)


def is_text(kind: Any) -> bool:
    """Whether a column's values are text."""
    import pyarrow

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind))


def file_names(files: Sequence[Path], image: str, column: str | None) -> Names:
    """The name of each row's image, "" where it has none: from `column`, or else the path that stands beside the bytes."""
    found: list[str] = []
    for file in files:
        kind = opened_parquet(file).schema_arrow.field(present(file, (column or image,))).type
        if column is None and not ("path" in children(kind) and is_text(kind.field("path").type)):
            found += [""] * opened_parquet(file).metadata.num_rows
            continue
        for values in batches(file, column or f"{image}.path"):
            values = values if column else values.field("path")
            if not is_text(values.type):
                raise DataError(f"{file}: column '{column}' holds {shortened(str(values.type))}, not file names; name another column")
            found += [name or "" for name in values.to_pylist()]
    return names_array(found)


def rows(files: Sequence[Path], column: str, chosen: Mask | None = None) -> Iterator[tuple[str, Source]]:
    """The encoded image of each row that `chosen` [all rows] selects, with the words that name the row.

    A column holds bytes, or {bytes, path} as Hugging Face has it.
    """
    before = 0
    for file in files:
        present(file, (column,))
        count = opened_parquet(file).metadata.num_rows
        wanted = numpy.ones(count, bool) if chosen is None else chosen[before : before + count]
        before += count
        if wanted.any():
            yield from rows_of_file(file, column, wanted)


def rows_of_file(file: Path, column: str, wanted: Mask) -> Iterator[tuple[str, Source]]:
    """The same of one file."""
    import pyarrow

    row = 0
    for values in batches(file, column, IMAGES_AT_ONCE):
        paths = values.field("path") if "path" in children(values.type) else None
        if "bytes" in children(values.type):
            values = values.field("bytes")
        if why := no_images(values.type):
            raise DataError(f"{file}: column '{column}' holds {shortened(str(values.type))}{why}")
        places = numpy.flatnonzero(wanted[row : row + len(values)])
        for place, encoded in zip(places.tolist(), values.take(pyarrow.array(places)).to_pylist(), strict=True):
            if not encoded:
                path = paths[place].as_py() if paths is not None else None
                beside = f", only the path '{shortened(str(path))}'; write the file's bytes beside it" if path else "; drop the row"
                raise DataError(f"{file}: row {row + place}: no image bytes in column '{column}'{beside}")
            yield f"{file}: row {row + place}", encoded
        row += len(values)


def no_images(kind: Any) -> str:
    """Why a column of this type cannot be one of encoded images, and what to do; nothing when it can."""
    import pyarrow

    types = pyarrow.types
    if any(check(kind) for check in (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)):
        return ""
    if is_text(kind):
        return ", not bytes of image files; where these are paths, write the files' bytes, or use image_folder"
    if types.is_nested(kind):
        return ", not bytes of image files; encode each image, as in PNG, and write its bytes"
    return ", not bytes of image files; name the column of the images"
