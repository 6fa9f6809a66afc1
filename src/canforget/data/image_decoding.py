"""Encoded image files to pixels as they are shown: upright, over white, one channel or three, as large as they are or a resized square."""

import io
import math
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy

from canforget.data.dataset import Pixels
from canforget.errors import DataError, SpecError, shortened

Source = Path | bytes
ImageShape = tuple[int, int, int]
GREY_MODES = ("1", "L", "LA", "La")
COLOR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
THREADED_PIXELS = 64 * 64
"""Images with fewer pixels decode no faster in threads: most of their time is spent in Python (measured on 32 x 32 WebP)."""
GROUP, GROUP_BYTES = 512, 2**24
"""At most so many images, and so many bytes of their pixels, are decoded at a time."""
DECODING = 2
"""Part of every hash of decoded pixels: goes up when the same bytes give other pixels than before."""


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
    """The frame that `size` (side of a square) and `channels` (1 or 3) ask for, or that the first image has."""
    if size is not None and size < 1:
        raise SpecError(f"size={size}: must be at least 1 pixel")
    with quiet():
        image = opened_image(first, where)
        try:
            shown = image if size is not None and channels is not None else upright(image)
            height, width = (shown.height, shown.width) if size is None else (size, size)
            return Frame((channels or channels_of(shown), height, width), size is not None, channels is not None)
        except unreadable() as problem:
            raise damaged(where, problem) from None


def decode_each(sources: Iterable[tuple[str, Source]], frame: Frame) -> Iterator[Pixels]:
    """Pixels uint8 [c, h, w] of each image, in order, each given with the words that name it in an error.

    Some megabytes at a time, so that memory stays bounded; by threads where images are large.
    """
    images = iter(sources)
    size = min(GROUP, max(1, GROUP_BYTES // math.prod(frame.shape)))
    with ThreadPoolExecutor() if threaded(frame) else nullcontext() as pool:
        while group := list(islice(images, size)):
            with quiet():
                decoded = list((map if pool is None else pool.map)(lambda pair: decode_image(pair[1], pair[0], frame), group))
            yield from decoded


def threaded(frame: Frame) -> bool:
    """Whether images decode faster in threads."""
    return frame.shape[1] * frame.shape[2] >= THREADED_PIXELS or frame.fitted


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what Pillow remarks of odd metadata; an image too large to be meant becomes an error."""
    from PIL.Image import DecompressionBombWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", DecompressionBombWarning)
        yield


def decode_image(source: Source, where: str, frame: Frame) -> Pixels:
    """Pixels uint8 [c, h, w] of one image as it is shown, brought to `frame`; raises `DataError` that says `where` when that cannot be."""
    image = opened_image(source, where)
    channels, height, width = frame.shape
    try:
        image = upright(image)
        if not frame.converted and channels_of(image) != channels:
            kinds = f"a {KIND[channels_of(image)]} image among {KIND[channels]} ones"
            raise DataError(f"{where}: {kinds}; pass channels=3 to make all color, or channels=1 grey")
        image = over_white(image)
        if not frame.fitted and (image.width, image.height) != (width, height):
            raise DataError(
                f"{where}: {image.width} x {image.height} pixels where others have {width} x {height}; pass size=, as in size=64"
            )
        image = image.convert("L" if channels == 1 else "RGB")
        if frame.fitted:
            image = fitted(image, width, height)
        return numpy.asarray(image, dtype=numpy.uint8).reshape(height, width, channels).transpose(2, 0, 1)
    except unreadable() as problem:
        raise damaged(where, problem) from None


def damaged(where: str, problem: Exception) -> DataError:
    """What is said of an image whose pixels cannot be had."""
    return DataError(f"{where}: the image is damaged: {in_line(problem)}; mend or remove it")


KIND = {1: "grey", 3: "color"}


def opened_image(source: Source, where: str) -> Any:
    """The image, its header read and its pixels not; raises `DataError` when it is none, or not of 8 bits a channel."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(source if isinstance(source, bytes) else source.read_bytes()))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{where}: an image of more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller, or remove it") from None
    except unreadable() as problem:
        reason = "no known image format" if "cannot identify" in str(problem) else in_line(problem)
        raise DataError(f"{where}: cannot be read as an image: {reason}; mend or remove it") from None
    if image.mode not in GREY_MODES + COLOR_MODES:
        deep = image.mode.startswith(("I", "F"))
        kind = f"an image of more than 8 bits a channel (mode {image.mode})" if deep else f"an image in the color space {image.mode}"
        how = (
            "8 bits a channel, as in: magick IN -auto-level -depth 8 OUT.png" if deep else "RGB, as in: magick IN -colorspace sRGB OUT.png"
        )
        raise DataError(f"{where}: {kind}; convert it to {how}")
    return image


def upright(image: Any) -> Any:
    """The image turned as its camera's note (EXIF orientation) says."""
    from PIL import ImageOps

    image.load()
    return ImageOps.exif_transpose(image) if "exif" in image.info or "xmp" in image.info or "XML:com.adobe.xmp" in image.info else image


def over_white(image: Any) -> Any:
    """The image without transparency: over white, as a page shows it."""
    from PIL import Image

    if image.mode not in ALPHA_MODES and "transparency" not in image.info:
        return image
    color = image.convert("RGBA")
    shown = Image.alpha_composite(Image.new("RGBA", color.size, "white"), color)
    return shown.convert("L" if channels_of(image) == 1 else "RGB")


def fitted(image: Any, width: int, height: int) -> Any:
    """The largest central part of `image` with the wanted proportions, resized."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)


def channels_of(image: Any) -> int:
    """1 for an image of greys alone by its mode or its palette, 3 for all others; transparency is no channel."""
    if image.mode in ("P", "PA") and image.palette is not None:
        palette = numpy.array(image.getpalette(), dtype=int).reshape(-1, 3)
        return 1 if (palette == palette[:, :1]).all() else 3
    return 1 if image.mode in GREY_MODES else 3


def in_line(problem: Exception) -> str:
    """What went wrong, in a line."""
    return shortened(str(problem) or type(problem).__name__, 120)


def unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for files that are damaged or no images."""
    from PIL import Image

    return (
        OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, IndexError, TypeError, AttributeError, OverflowError,
        ZeroDivisionError, NotImplementedError, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
    )  # fmt: skip
