"""Augmentation by one lookup does what an obvious loop does."""

import numpy
import pytest
import torch
from torch import Generator

from canforget.errors import SpecError
from canforget.rng import generator
from canforget.training.augment import Augmenter, Crops, cut
from canforget.training.loop import Fit


@pytest.fixture
def pixels() -> torch.Tensor:
    """Twenty images of 3 x 6 x 7 random pixels."""
    return torch.randint(256, (20, 3, 6, 7), generator=generator("pixels"), dtype=torch.uint8)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_draw_equals_padding_flipping_and_slicing_one_image_at_a_time(pixels: torch.Tensor, mirrored: bool) -> None:
    """A view with a wrong stride or channel order shows plausible but scrambled images."""
    chosen = torch.tensor([3, 3, 0, 19, 7])
    drawn = Crops.of(pixels, 2, mirrored).draw(chosen, generator("draw"))
    same = generator("draw")
    rows, columns = torch.randint(5, (2, 5), generator=same)
    flips = torch.randint(2, (5,), generator=same) if mirrored else torch.zeros(5, dtype=torch.int64)
    for place, image in enumerate(chosen):
        padded = numpy.pad(pixels[image].numpy(), ((0, 0), (2, 2), (2, 2)), mode="reflect")
        if flips[place]:
            padded = padded[:, :, ::-1]
        r, c = int(rows[place]), int(columns[place])
        assert numpy.array_equal(drawn[place].numpy(), padded[:, r : r + 6, c : c + 7])


def test_batches_do_not_depend_on_whether_the_padded_images_are_kept(pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large set is padded batch by batch; a result must not hang on the size of the memory."""
    chosen = torch.tensor([5, 1, 1, 9])
    for fit in (Fit(crop=2, flip=True, cutout=3), Fit(crop=2, flip="alternating")):
        kept = Augmenter(fit, generator("a")).batch(pixels, chosen, 1)
        with monkeypatch.context() as without:
            without.setattr("canforget.training.augment.KEPT_BYTES", 0)
            assert torch.equal(kept, Augmenter(fit, generator("a")).batch(pixels, chosen, 1))


def test_crops_and_flips_come_out_in_channels_last_layout(pixels: torch.Tensor) -> None:
    """Any other layout makes every step copy its batch."""
    for fit in (Fit(), Fit(crop=1), Fit(flip=True), Fit(flip="alternating")):
        batch = Augmenter(fit, generator("a")).batch(pixels, torch.arange(4), 0)
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert batch.dtype == torch.uint8


def test_without_augmentation_a_batch_is_the_images_themselves(pixels: torch.Tensor) -> None:
    """Indices must not be shifted by the machinery."""
    assert torch.equal(Augmenter(Fit(), generator("a")).batch(pixels, torch.tensor([4, 2]), 0), pixels[[4, 2]])


def test_every_shift_and_both_directions_are_drawn_equally_often() -> None:
    """An off-by-one in the shifts would never show the outermost crop."""
    pixels = torch.arange(5, dtype=torch.uint8).expand(1, 1, 5, 5).contiguous()
    drawn = Crops.of(pixels, 1, True).draw(torch.zeros(6000, dtype=torch.int64), generator("many"))
    first_rows, counts = drawn[:, 0, 0].unique(dim=0, return_counts=True)
    assert len(first_rows) == 6
    assert counts.min() > 850
    assert counts.max() < 1150


def test_alternating_flips_show_both_sides_in_two_epochs_and_begin_by_the_coins_of_a_seed(pixels: torch.Tensor) -> None:
    """A coin each time shows a quarter of the images twice the same way in two epochs."""
    pixels = pixels.repeat(10, 1, 1, 1)
    order = torch.randperm(200, generator=generator("order"))
    mirrored = []
    for epoch in range(3):
        batch = Augmenter(Fit(flip="alternating"), generator("one")).batch(pixels, order, epoch)
        sides = torch.tensor([torch.equal(drawn, pixels[k].flip(2)) for drawn, k in zip(batch, order, strict=True)])
        assert all(torch.equal(drawn, pixels[k].flip(2) if side else pixels[k]) for drawn, k, side in zip(batch, order, sides, strict=True))
        mirrored.append(sides[order.argsort()])
    assert torch.equal(mirrored[0], ~mirrored[1])
    assert torch.equal(mirrored[0], mirrored[2])
    assert 70 < mirrored[0].sum() < 130
    drawn = [Augmenter(Fit(), generator(name)).alternating(200, 0) for name in ("one", "two")]
    assert torch.equal(drawn[0].bool(), mirrored[0])
    assert 60 < (drawn[0] != drawn[1]).sum() < 140


def test_the_sides_of_a_training_that_goes_on_are_those_it_began_with() -> None:
    """A checkpoint holds the state of the generator, which knows its first seed."""
    rng, again = generator("one"), Generator()
    began = Augmenter(Fit(), rng).alternating(50, 0)
    torch.rand(100, generator=rng)
    again.set_state(rng.get_state())
    assert torch.equal(Augmenter(Fit(), again).alternating(50, 0), began)


def test_a_cut_blanks_exactly_one_square(pixels: torch.Tensor) -> None:
    """A square that runs over the border would be smaller than asked for."""
    blanked = cut(pixels.clamp(min=1), 3, generator("cut")) == 0
    assert (blanked.sum((2, 3)) == 9).all()
    assert (blanked.any(3).sum(2) == 3).all()


def test_the_augmentation_of_a_batch_draws_from_its_generator_alone(pixels: torch.Tensor) -> None:
    """Draws from the global stream would make two equal runs differ."""
    before = torch.get_rng_state()
    first, second = (Augmenter(Fit(crop=2, flip=True, cutout=2), generator("one")).batch(pixels, torch.arange(20), 0) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_only_the_last_few_sets_stay_padded(rng: Generator) -> None:
    """Unlearners that make new images every epoch would fill the memory."""
    augmenter = Augmenter(Fit(crop=1), rng)
    for _ in range(10):
        augmenter.batch(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.arange(3), 0)
    assert len(augmenter.kept) <= 4


def test_a_crop_as_wide_as_the_image_is_refused(pixels: torch.Tensor) -> None:
    """A mirror cannot continue an image by more than the image."""
    with pytest.raises(SpecError, match="crop = 6 must be smaller than the image"):
        Crops.of(pixels, 6, False)
