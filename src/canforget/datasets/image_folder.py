"""Any images in folders, one folder per class."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal

import numpy

from canforget.data.cache import content, data_root, json_digest
from canforget.data.dataset import DataSet, Mask, Pixels, names_array, tables_of
from canforget.data.image_decoding import DECODING, Frame, decode_each, frame_of
from canforget.data.pixel_cache import cached_pixels
from canforget.data.stratify import fixed_part
from canforget.errors import DataError, SpecError, shortened
from canforget.hyperparameters import FreeText, Part, Width
from canforget.registry import component

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
FOREIGN = (".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".tga", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".dcm", ".npy")
"""Images of kinds that are not read: named rather than left out without a word."""
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
CLUTTER = {"__MACOSX", "@eaDir"}
"""Folders that archives and file servers leave beside one's own."""


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
    Classes are the sorted names of the folders. Left out are hidden files and folders (names that begin with a dot), files that are no
    images, and validation/ beside train/ and test/. An image of a kind that is not read, or that lies in no class, is an error.
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
    found = Found(root, dict(zip(names, paths, strict=True)), frame)
    key = json_digest("image_folder", DECODING, found.sha256, frame.shape, frame.converted)
    known = names_array([name.partition("/")[2] for name in names] if parted else names)
    tables = tables_of(labels[~is_test], labels[is_test], (known[~is_test], known[is_test]))
    fingerprint = json_digest(key, None if parted else test_fraction)
    pixels = partial(both_parts, found, is_test, fingerprint, "" if parted else f", test_fraction={test_fraction}")
    return DataSet("image_folder", *tables, classes, frame.shape, fingerprint, pixels, root, test_is_cut=not parted)


@dataclass(frozen=True)
class Found:
    """The image files of a data set by their names in it, and what their images are brought to."""

    root: Path
    paths: Mapping[str, Path]
    frame: Frame

    @cached_property
    def sha256(self) -> str:
        """The hash of all files and their names."""
        return content(self.paths)

    def decoded(self, chosen: Mask, key: str, words: str) -> Pixels:
        """Pixels of the `chosen` files; raises `DataError` when one of all changed since it was hashed."""
        paths = [path for path, wanted in zip(self.paths.values(), chosen.tolist(), strict=True) if wanted]

        def decode(start: int) -> Iterator[Pixels]:
            yield from decode_each(((str(p), p) for p in paths[start:]), self.frame)
            if content(self.paths) != self.sha256:
                raise DataError(f"image_folder: {self.root}: an image changed while the images were decoded; run it again")

        return cached_pixels(key, (len(paths), *self.frame.shape), f"image_folder: {self.root} ({words})", decode)


def both_parts(found: Found, is_test: Mask, fingerprint: str, words: str) -> tuple[Pixels, Pixels]:
    """Pixels of the training and of the test part."""
    return found.decoded(~is_test, f"{fingerprint}-train", f"train{words}"), found.decoded(is_test, f"{fingerprint}-test", f"test{words}")


def class_folders(root: Path) -> tuple[str, ...]:
    """Sorted names of the folders in `root`, hidden ones left out."""
    if not root.is_dir():
        what = "is a file" if root.exists() else "is not there"
        raise DataError(f"image_folder: folder {root} {what}; pass another folder= or --data-dir")
    found = tuple(name for name, folder in entries(root) if folder)
    if len(found) < 2 or {name.casefold() for name in found} <= PARTS:
        there = f"only {', '.join(found)}" if found else "no folders"
        raise DataError(
            f"image_folder: {root} holds {there}; it needs a folder per class, or train/ and test/ with a folder per class in each"
        )
    return found


def entries(folder: Path) -> list[tuple[str, bool]]:
    """Sorted names in a folder, hidden ones and clutter left out, and whether each is a folder."""
    try:
        with os.scandir(folder) as there:
            found = sorted((e.name, Path(e.path).is_dir()) for e in there if not e.name.startswith(".") and e.name not in CLUTTER)
    except OSError as problem:
        raise DataError(f"image_folder: {folder} cannot be read: {problem.strerror}") from None
    unknown = next((name for name, _ in found if not name.isprintable()), None)
    if unknown is not None:
        raise DataError(f"image_folder: {folder} / {shortened(unknown)}: the name holds what is no letter, or is not UTF-8; rename it")
    return found


def images(root: Path, classes: tuple[str, ...], required: bool) -> list[tuple[Path, int]]:
    """Image files under `root`/CLASS, at any depth, sorted, with the number of their class; where `required`, no class may lack images."""
    for name, folder in entries(root):
        if folder and name not in classes:
            raise DataError(f"image_folder: {root / name} is no class of train/; name the folders of test/ and train/ alike")
        if not folder and kind(name):
            raise DataError(f"image_folder: {root / name} lies in no class; move it into the folder of one, or remove it")
    found: list[tuple[Path, int]] = []
    for number, name in enumerate(classes):
        files = sorted(image_files(root / name)) if (root / name).is_dir() else []
        if required and not files:
            raise DataError(f"image_folder: {root / name} holds no images ({', '.join(SUFFIXES)}); add some, or remove the folder")
        found += [(p, number) for p in files]
    return found


def image_files(folder: Path) -> Iterator[Path]:
    """The image files in a folder and the folders in it; raises `DataError` for one that cannot be had."""
    for name, is_folder in entries(folder):
        path = folder / name
        if is_folder and path.is_symlink():
            raise DataError(
                f"image_folder: {path} is a link to a folder, which is not followed; put the folder itself there, or remove the link"
            )
        if is_folder:
            yield from image_files(path)
        elif kind(name) == "foreign":
            raise DataError(f"image_folder: {path}: {path.suffix} images are not read; convert it, as to PNG, or remove it")
        elif kind(name) and not path.is_file():
            raise DataError(f"image_folder: {path} is no file, or a link to nothing; put the image there, or remove it")
        elif kind(name):
            yield path


def kind(name: str) -> Literal["image", "foreign", ""]:
    """What a file is by its name: an image, an image of a kind that is not read, or neither."""
    suffix = os.path.splitext(name)[1].lower()
    return "image" if suffix in SUFFIXES else "foreign" if suffix in FOREIGN else ""
