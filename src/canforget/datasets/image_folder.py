"""Any images in folders, one folder per class."""

from pathlib import Path
from typing import Annotated, Literal

import numpy

from canforget.data.cache import cached_pixels, combined, content, data_root
from canforget.data.dataset import DataSet, Mask, Pixels, tables_of
from canforget.data.image_decoding import DECODING, Frame, decode_all, frame_of
from canforget.data.stratify import fixed_part
from canforget.errors import DataError, SpecError
from canforget.hyperparameters import FreeText, Part, Width
from canforget.registry import component

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
PARTS = {"train", "test", "val", "valid", "validation"}


@component(version=1)
def image_folder(
    *,
    data_dir: Path | None = None,
    folder: Annotated[str, FreeText("a folder under the data folder")] = ".",
    size: Width = 64,
    channels: Literal[1, 3] | None = None,
    test_fraction: Part = 0.2,
) -> DataSet:
    """The images under `data_dir`/`folder`: train/CLASS/... and test/CLASS/... where these are there, or else CLASS/...

    Without train/ and test/ a stratified `test_fraction`, always the same, is the test set. Every image becomes a square of `size`
    pixels: the largest central part, resized (bilinear). `channels` makes every image grey (1) or color (3); without it all must be alike.
    Classes are the sorted names of the folders; other files than images, and those whose names begin with a dot, are left out.
    """
    if not 0 < test_fraction < 1:
        raise SpecError(f"image_folder: test_fraction={test_fraction}: must be greater than 0 and less than 1")
    root = data_root("image_folder", data_dir) / folder
    parted = (root / "train").is_dir() and (root / "test").is_dir()
    classes = class_folders(root / "train" if parted else root)
    listed = {part: images(root / part, classes, part != "test") for part in (("train", "test") if parted else (".",))}
    paths = [path for part in listed.values() for path, _ in part]
    labels = numpy.array([label for part in listed.values() for _, label in part], dtype=numpy.int64)
    names = [path.relative_to(root).as_posix() for path in paths]
    is_test = numpy.arange(len(paths)) >= len(listed["train"]) if parted else fixed_part(labels, names, test_fraction)
    frame = frame_of(paths[0], str(paths[0]), size=size, channels=channels)
    key = combined("image_folder", DECODING, content(dict(zip(names, paths, strict=True))), frame.shape, frame.converted)
    tables = tables_of(labels[~is_test], labels[is_test])
    fingerprint = combined(key, None if parted else test_fraction)
    return DataSet("image_folder", *tables, classes, frame.shape, fingerprint, lambda: decoded(key, paths, is_test, frame))


def decoded(key: str, paths: list[Path], is_test: Mask, frame: Frame) -> tuple[Pixels, Pixels]:
    """Pixels of the training and of the test part."""
    x = cached_pixels(key, len(paths), lambda: decode_all(((str(p), p) for p in paths), len(paths), frame))
    return x[~is_test], x[is_test]


def class_folders(root: Path) -> tuple[str, ...]:
    """Sorted names of the folders in `root`."""
    if not root.is_dir():
        raise DataError(f"image_folder: there is no folder {root}; pass another folder= or --data-dir")
    found = tuple(sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")))
    if len(found) < 2 or set(found) <= PARTS:
        there = f"only {', '.join(found)}" if found else "no folders"
        raise DataError(
            f"image_folder: {root} holds {there}; it needs a folder per class, or train/ and test/ with a folder per class in each"
        )
    return found


def images(root: Path, classes: tuple[str, ...], required: bool) -> list[tuple[Path, int]]:
    """Image files under `root`/CLASS, at any depth, sorted, with the number of their class; where `required`, no class may lack images."""
    unknown = sorted({p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")} - set(classes))
    if unknown:
        raise DataError(f"image_folder: {root / unknown[0]} is no class of train/; name the folders of test/ and train/ alike")
    found: list[tuple[Path, int]] = []
    for number, name in enumerate(classes):
        files = sorted(p for p in (root / name).rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())
        if required and not files:
            raise DataError(f"image_folder: {root / name} holds no images ({', '.join(SUFFIXES)}); add some, or remove the folder")
        found += [(p, number) for p in files]
    return found
