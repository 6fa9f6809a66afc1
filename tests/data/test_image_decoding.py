import io
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from canforget.data.image_decoding import Frame, decode_each, decode_image, frame_of, quiet
from canforget.errors import DataError, SpecError

COLOR = numpy.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=numpy.uint8)
GREY = COLOR[..., 0]


def encoded(image: Any, kind: Any = "PNG", **options: Any) -> Any:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(source: Any, **arguments: Any) -> Any:
    frame = frame_of(source, "x", **({"size": None, "channels": None} | arguments))
    with quiet():
        return decode_image(source, "x", frame)


def test_pixels_come_back_bit_for_bit_channels_first(png: Any) -> None:
    """A transposed or rescaled image still trains, only worse."""
    assert numpy.array_equal(plain(png(COLOR)), COLOR.transpose(2, 0, 1))
    assert numpy.array_equal(plain(png(GREY)), GREY[None])


WHITE = Image.new("RGB", (5, 5), "white")
RED = Image.new("RGB", (5, 5), (200, 30, 40))


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (encoded(WHITE.convert("1")), [255]),
        (encoded(Image.new("L", (5, 5), 90).convert("P")), [90]),
        (encoded(RED.quantize(4)), [200, 30, 40]),
        (encoded(RED, "GIF"), [200, 30, 40]),
        (encoded(RED, "GIF", save_all=True, append_images=[WHITE]), [200, 30, 40]),
        (encoded(RED.convert("CMYK"), "JPEG"), [200, 30, 40]),
        (encoded(RED.convert("CMYK"), "TIFF"), [200, 30, 40]),
        (encoded(RED.convert("YCbCr"), "TIFF"), [198, 29, 38]),
        (encoded(RED.convert("RGBA")), [200, 30, 40]),
        (encoded(Image.new("RGBA", (5, 5), (0, 0, 0, 0))), [255, 255, 255]),
        (encoded(Image.new("RGBA", (5, 5), (0, 0, 0, 128))), [127, 127, 127]),
        (encoded(Image.new("LA", (5, 5), (0, 128))), [127]),
        (encoded(Image.new("RGB", (5, 5), (1, 2, 3)), transparency=(1, 2, 3)), [255, 255, 255]),
        (encoded(Image.new("L", (5, 5), 7), transparency=7), [255]),
        (encoded(Image.new("P", (5, 5), 0), "GIF", transparency=0), [255]),
        (encoded(Image.new("RGBA", (5, 5), (9, 9, 9, 0)).quantize(4)), [255]),
    ],
)  # fmt: skip
def test_every_kind_of_8_bit_image_is_read_as_it_is_shown(source: Any, shown: Any) -> None:
    """A palette's indices are no gray values, a palette of greys is grey, and what lies beneath full transparency is not seen by anybody."""
    assert plain(source)[:, 2, 2].tolist() == shown


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_is_turned_as_its_camera_noted(kind: Any) -> None:
    """A phone held upright stores the picture lying on its side."""
    pixels = numpy.zeros((6, 12, 3), dtype=numpy.uint8)
    pixels[:, :6] = 250
    note = Image.Exif()
    note[274] = 6  # turn by a quarter, clockwise
    shown = plain(encoded(Image.fromarray(pixels), kind, exif=note))
    assert shown.shape == (3, 12, 6)
    assert shown[:, 1].min() > 200
    assert shown[:, -2].max() < 50


def test_channels_turns_color_into_grey_and_grey_into_color(png: Any) -> None:
    assert numpy.array_equal(plain(png(GREY), channels=3), numpy.stack([GREY] * 3))
    assert plain(png(COLOR), channels=1).shape == (1, 6, 4)


def test_size_cuts_out_the_largest_central_square(png: Any) -> None:
    """Squeezing an image to a square changes its proportions."""
    tall = numpy.zeros((8, 4), dtype=numpy.uint8)
    tall[2:6] = 200
    assert (plain(png(tall), size=4) == 200).all()
    assert plain(png(tall), size=2).shape == (1, 2, 2)


def test_shrinking_averages_over_the_area_it_covers(png: Any) -> None:
    """Plain bilinear sampling skips most pixels of a large image."""
    board = (numpy.indices((64, 64)).sum(0) % 2 * 255).astype(numpy.uint8)
    assert abs(plain(png(board), size=4).astype(int) - 128).max() <= 2


@pytest.mark.parametrize("side", [8, 100])
def test_images_keep_their_order_whether_decoded_in_threads_or_not(png: Any, side: Any) -> None:
    """Labels go by position."""
    images = [numpy.full((side, side), i, dtype=numpy.uint8) for i in range(20)]
    sources = [(f"row {i}", png(image)) for i, image in enumerate(images)]
    pixels = numpy.stack(list(decode_each(sources, Frame((1, side, side), False, False))))
    assert numpy.array_equal(pixels[:, 0], images)


@pytest.mark.parametrize("cut", [0, 20, 70])
def test_a_damaged_image_is_one_line_that_says_where(png: Any, cut: Any) -> None:
    """Pillow raises half a dozen kinds of errors for bytes that are no image, most of which do not say which."""
    source = png(numpy.random.default_rng(0).integers(0, 256, (32, 32), dtype=numpy.uint8))[:cut]
    frame = Frame((1, 32, 32), False, False)
    with pytest.raises(DataError, match=r"a\.parquet: row 7: .*mend or remove it") as caught:
        decode_image(source, "a.parquet: row 7", frame)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (encoded(Image.fromarray(numpy.full((4, 4), 3000, dtype=numpy.uint16))), r"more than 8 bits a channel \(mode I;16\)"),
        (encoded(Image.fromarray(numpy.full((4, 4), 3000, dtype=numpy.int32)), "TIFF"), r"more than 8 bits a channel \(mode I\)"),
        (encoded(Image.fromarray(numpy.full((4, 4), 0.5, dtype=numpy.float32)), "TIFF"), r"more than 8 bits a channel \(mode F\)"),
        (encoded(Image.new("LAB", (4, 4)), "TIFF"), "in the color space LAB; convert it to RGB, as in: magick"),
    ],
)
def test_an_image_of_more_than_8_bits_or_of_another_color_space_is_refused(source: Any, message: Any) -> None:
    """Pillow would cut its values off at 255."""
    with pytest.raises(DataError, match=f"^x: an image (of )?{message}"):
        plain(source)


def test_an_image_too_large_to_be_meant_is_refused_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some kilobytes can hold gigabytes of pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(DataError, match="x: an image of more than 20 pixels; make it smaller"):
        plain(encoded(RED))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_an_image_cut_short_is_an_error_in_every_format(kind: Any, part: Any) -> None:
    """Some readers fill the missing rows with grey."""
    whole = encoded(Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=numpy.uint8)), kind)
    with pytest.raises(DataError, match=r"^x: .*; mend or remove it$"):
        plain(whole[: int(part * len(whole))])


def refusal(read: Any) -> Any:
    """What a reader says when it refuses, or nothing."""
    try:
        read()
    except DataError as problem:
        return str(problem)
    return ""


@given(st.binary(max_size=60), st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"]), st.integers(0, 400))
@settings(max_examples=300)
def test_whatever_the_bytes_an_image_is_read_or_refused_in_one_line(noise: Any, kind: Any, at: Any) -> None:
    """Pillow's readers raise a dozen kinds of errors; a file from outside is no reason for a traceback."""
    whole = encoded(Image.fromarray(COLOR), kind)
    at = at % len(whole)
    for source in (noise, whole[:at] + noise + whole[at + len(noise) :]):
        said = refusal(lambda source=source: plain(source, size=4, channels=3))
        assert said.startswith("x: ") or (not said and plain(source, size=4, channels=3).shape == (3, 4, 4))
        assert "\n" not in said


def test_mixtures_are_refused_unless_a_size_or_channels_are_asked_for(png: Any) -> None:
    """Taking the first image's kind for all would drop the color of the others."""
    frame = frame_of(png(GREY), "x", size=None, channels=None)
    with pytest.raises(DataError, match="y: a color image among grey ones; pass channels="):
        decode_image(png(COLOR), "y", frame)
    with pytest.raises(DataError, match="y: 4 x 5 pixels where others have 4 x 6; pass size="):
        decode_image(png(GREY[:5]), "y", frame)


def test_a_size_of_no_pixels_is_refused(png: Any) -> None:
    with pytest.raises(SpecError, match="size=0"):
        frame_of(png(GREY), "x", size=0, channels=None)
