"""Widely known data sets, from Parquet files or from those that torchvision downloads, which are read without torchvision."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy

from canforget.data.cache import content, data_root, json_digest
from canforget.data.dataset import DataSet, Pixels, tables_of
from canforget.data.parquet_files import Labels, Layout, parquet_data_set
from canforget.data.pixel_cache import cached_pixels
from canforget.errors import DataError


@dataclass(frozen=True)
class Files:
    """torchvision's own files of a data set: the first of `train` shows whether they are there; the rest of the fields read them.

    `labels` and `pixels` take the paths of one part, `names` the folder under which `train` and `test` lie.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    others: tuple[str, ...]
    image_shape: tuple[int, int, int]
    names: Callable[[Path], tuple[str, ...]]
    labels: Callable[[list[Path]], Labels]
    pixels: Callable[[list[Path]], Pixels]
    download: Callable[[Path], object]


def well_known(name: str, data_dir: Path | None, files: Files, layout: Layout | None, download: bool) -> DataSet:
    """A published data set: Parquet files in `name`/ under the data directory, or else torchvision's files there or in `name`/.

    Raises `DataError` that says where it looked and how to get the data set when it is not there.
    """
    root = data_root(name, data_dir)
    parquet = {part: sorted((root / name).glob(f"{part}-*.parquet")) for part in ("train", "test")} if layout else {}
    if layout and parquet["train"]:
        if not parquet["test"]:
            raise DataError(f"{name}: {root / name} has train-*.parquet and no test-*.parquet; add the test part")
        return parquet_data_set(name, parquet["train"], parquet["test"], layout)
    if download and not found(root, name, files):
        fetch(name, root / name, files)
    folder = found(root, name, files)
    if folder is None:
        own = "train-*.parquet, " if layout else ""
        raise DataError(f"{name}: not in {root / name} (looked for {own}{files.train[0]}); put it there, or pass download=true")
    return from_files(name, folder, files)


def found(root: Path, name: str, files: Files) -> Path | None:
    """The folder that torchvision's files lie in."""
    return next((folder for folder in (root / name, root) if (folder / files.train[0]).is_file()), None)


def fetch(name: str, folder: Path, files: Files) -> None:
    """Lets torchvision download the data set into `folder`."""
    try:
        folder.mkdir(exist_ok=True)
        files.download(folder)
    except ImportError:
        raise DataError(f"{name}: torchvision, which downloads it, is not installed; pip install 'canforget[vision]'") from None
    except (OSError, RuntimeError) as problem:
        raise DataError(f"{name}: download to {folder} failed: {problem}; try again, or put the files there") from problem


def from_files(name: str, folder: Path, files: Files) -> DataSet:
    """The data set that torchvision's files under `folder` hold."""
    paths = {part: [folder / p for p in listed] for part, listed in (("train", files.train), ("test", files.test), ("", files.others))}
    missing = [p for part in paths.values() for p in part if not p.is_file()]
    if missing:
        raise DataError(f"{name}: {missing[0]} is missing; download the data set again")
    classes = files.names(folder)
    labels = {part: files.labels(paths[part]) for part in ("train", "test")}
    for part, values in labels.items():
        wrong = numpy.flatnonzero((values < 0) | (values >= len(classes)))
        if len(wrong):
            raise DataError(
                f"{name}: {paths[part][0].parent}: {part} row {wrong[0]}: label {values[wrong[0]]} is out of range 0 to {len(classes) - 1}"
            )
    bytes_of = {part: content({str(i): p for i, p in enumerate(listed)}) for part, listed in paths.items() if listed}

    def decoded(part: str) -> Pixels:
        key = json_digest("torchvision", name, bytes_of[part])
        count = len(labels[part])
        return cached_pixels(
            key,
            (count, *files.image_shape),
            f"{name}: {folder} ({part})",
            lambda start: shaped(files.pixels(paths[part]), count, name, files)[start:],
        )

    def pixels() -> tuple[Pixels, Pixels]:
        return decoded("train"), decoded("test")

    fingerprint = json_digest("torchvision", name, bytes_of, [labels[part].tolist() for part in ("train", "test")], classes)
    return DataSet(name, *tables_of(labels["train"], labels["test"]), classes, files.image_shape, fingerprint, pixels)


def shaped(pixels: Pixels, count: int, name: str, files: Files) -> Pixels:
    """`pixels`, when they are the `count` images that the labels speak of."""
    if pixels.shape != (count, *files.image_shape):
        raise DataError(
            f"{name}: pixels of shape {list(pixels.shape)} for {count} labels of images {list(files.image_shape)}; download again"
        )
    return pixels
