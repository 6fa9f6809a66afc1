import io

import numpy
import pytest
from PIL import Image

from canforget.data.image_decoding import Frame, decode, decode_all, frame_of
from canforget.errors import DataError, SpecError

COLOR = numpy.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=numpy.uint8)
GREY = COLOR[..., 0]


def encoded(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def plain(source, **arguments):
    frame = frame_of(source, "x", **({"size": None, "channels": None} | arguments))
    return decode(source, "x", frame)


def test_pixels_come_back_bit_for_bit_channels_first(png):
    """A transposed or rescaled image still trains, only worse."""
    assert numpy.array_equal(plain(png(COLOR)), COLOR.transpose(2, 0, 1))
    assert numpy.array_equal(plain(png(GREY)), GREY[None])


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("LA", 1), ("P", 3), ("RGBA", 3)])
def test_other_8_bit_modes_become_grey_or_color(mode, channels):
    """A palette's indices are not gray values."""
    image = Image.fromarray(numpy.full((5, 5, 3), 255, dtype=numpy.uint8)).convert(mode)
    assert (plain(encoded(image)) == 255).all()
    assert plain(encoded(image)).shape == (channels, 5, 5)


def test_channels_turns_color_into_grey_and_grey_into_color(png):
    assert numpy.array_equal(plain(png(GREY), channels=3), numpy.stack([GREY] * 3))
    assert plain(png(COLOR), channels=1).shape == (1, 6, 4)


def test_size_cuts_out_the_largest_central_square(png):
    """Squeezing an image to a square changes its proportions."""
    tall = numpy.zeros((8, 4), dtype=numpy.uint8)
    tall[2:6] = 200
    assert (plain(png(tall), size=4) == 200).all()
    assert plain(png(tall), size=2).shape == (1, 2, 2)


def test_shrinking_averages_over_the_area_it_covers(png):
    """Plain bilinear sampling skips most pixels of a large image."""
    board = (numpy.indices((64, 64)).sum(0) % 2 * 255).astype(numpy.uint8)
    assert abs(plain(png(board), size=4).astype(int) - 128).max() <= 2


@pytest.mark.parametrize("side", [8, 100])
def test_images_keep_their_order_whether_decoded_in_threads_or_not(png, side):
    """Labels go by position."""
    images = [numpy.full((side, side), i, dtype=numpy.uint8) for i in range(20)]
    sources = [(f"row {i}", png(image)) for i, image in enumerate(images)]
    pixels = decode_all(sources, 20, Frame((1, side, side), False, False))
    assert numpy.array_equal(pixels[:, 0], images)


@pytest.mark.parametrize("cut", [0, 20, 70])
def test_a_damaged_image_is_one_line_that_says_where(png, cut):
    """Pillow raises half a dozen kinds of errors for bytes that are no image, most of which do not say which."""
    source = png(numpy.random.default_rng(0).integers(0, 256, (32, 32), dtype=numpy.uint8))[:cut]
    frame = Frame((1, 32, 32), False, False)
    with pytest.raises(DataError, match=r"a\.parquet: row 7: .*mend or remove it") as caught:
        decode(source, "a.parquet: row 7", frame)
    assert "\n" not in str(caught.value)


def test_an_image_of_more_than_8_bits_is_refused():
    """Pillow would cut its values off at 255."""
    with pytest.raises(DataError, match="x: an image of more than 8 bits a channel"):
        plain(encoded(Image.fromarray(numpy.full((4, 4), 3000, dtype=numpy.uint16))))


def test_mixtures_are_refused_unless_a_size_or_channels_are_asked_for(png):
    """Taking the first image's kind for all would drop the color of the others."""
    frame = frame_of(png(GREY), "x", size=None, channels=None)
    with pytest.raises(DataError, match="y: a color image among grey ones; pass channels="):
        decode(png(COLOR), "y", frame)
    with pytest.raises(DataError, match="y: 4 x 5 pixels where others have 4 x 6; pass size="):
        decode(png(GREY[:5]), "y", frame)


def test_a_size_of_no_pixels_is_refused(png):
    with pytest.raises(SpecError, match="size=0"):
        frame_of(png(GREY), "x", size=0, channels=None)
