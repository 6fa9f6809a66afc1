"""Encoded image files to pixels: one channel or three, as they are or cropped to a square and resized."""

import io
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy

from canforget.data.dataset import Pixels
from canforget.errors import DataError, SpecError

Source = Path | bytes
ImageShape = tuple[int, int, int]
GREY_MODES = ("1", "L", "LA")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
THREADED_PIXELS = 64 * 64
"""Images with fewer pixels decode no faster in threads: most of their time is spent in Python (measured on 32 x 32 WebP)."""
DECODING = 1
"""Part of every hash of decoded pixels: goes up when the same bytes give other pixels than before."""

T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """What every image of a data set is brought to: (channels, height, width), and which of these may be changed to get there.

    `fitted`: the largest central part of the frame's proportions is cut out and resized (bilinear over the area it covers); otherwise an
    image of another size is an error. `converted`: color becomes grey or grey becomes color; otherwise a mixture is an error.
    """

    shape: ImageShape
    fitted: bool
    converted: bool


def frame_of(first: Source, where: str, *, size: int | None, channels: int | None) -> Frame:
    """The frame that `size` (side of a square) and `channels` (1 or 3) ask for, or that the first image has; decodes no pixel."""
    if size is not None and size < 1:
        raise SpecError(f"size={size}: must be at least 1 pixel")
    image = opened(first, where)
    height, width = (image.height, image.width) if size is None else (size, size)
    return Frame((channels or channels_of(image.mode), height, width), size is not None, channels is not None)


def decode_all(sources: Iterable[tuple[str, Source]], count: int, frame: Frame) -> Pixels:
    """Pixels uint8 [count, c, h, w] of `count` images, each with the words that name it in an error."""
    pixels = numpy.empty((count, *frame.shape), dtype=numpy.uint8)
    for row, image in enumerate(mapped_in_order(lambda pair: decode(pair[1], pair[0], frame), sources, frame)):
        pixels[row] = image
    return pixels


def mapped_in_order(function: Callable[[T], Pixels], items: Iterable[T], frame: Frame) -> Iterable[Pixels]:
    """`function` of each item, in order; by threads where images are large, a few hundred at a time so that memory stays bounded."""
    if frame.shape[1] * frame.shape[2] < THREADED_PIXELS and not frame.fitted:
        yield from map(function, items)
        return
    iterator = iter(items)
    with ThreadPoolExecutor() as pool:
        while group := list(islice(iterator, 512)):
            yield from pool.map(function, group)


def decode(source: Source, where: str, frame: Frame) -> Pixels:
    """Pixels uint8 [c, h, w] of one image, brought to `frame`; raises `DataError` that says `where` when that cannot be."""
    image = opened(source, where)
    channels, height, width = frame.shape
    if not frame.converted and channels_of(image.mode) != channels:
        raise DataError(f"{where}: a {KIND[channels_of(image.mode)]} image among {KIND[channels]} ones; pass channels=1 or channels=3")
    if not frame.fitted and (image.width, image.height) != (width, height):
        raise DataError(f"{where}: {image.width} x {image.height} pixels where others have {width} x {height}; pass size=...")
    try:
        image = image.convert("L" if channels == 1 else "RGB")
        if frame.fitted:
            image = fitted(image, width, height)
        return numpy.asarray(image, dtype=numpy.uint8).reshape(height, width, channels).transpose(2, 0, 1)
    except unreadable() as problem:
        raise DataError(f"{where}: the image is damaged: {problem}; mend or remove it") from None


KIND = {1: "grey", 3: "color"}


def opened(source: Source, where: str) -> Any:
    """The image, its header read and its pixels not; raises `DataError` when it is none, or has more than 8 bits a channel."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(source if isinstance(source, bytes) else source.read_bytes()))
    except unreadable() as problem:
        reason = "no known image format" if "cannot identify" in str(problem) else problem
        raise DataError(f"{where}: cannot be read as an image: {reason}; mend or remove it") from None
    if image.mode in DEEP_MODES:
        raise DataError(f"{where}: an image of more than 8 bits a channel (mode {image.mode}); convert it to 8 bits")
    return image


def fitted(image: Any, width: int, height: int) -> Any:
    """The largest central part of `image` with the wanted proportions, resized."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)


def channels_of(mode: str) -> int:
    """1 for Pillow's grey modes, 3 for all others (transparency is dropped)."""
    return 1 if mode in GREY_MODES else 3


def unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for files that are damaged or no images."""
    from PIL import Image

    return (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
