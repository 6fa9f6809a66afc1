"""Climbing the loss."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.errors import DivergedError
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.gradient_ascent import gradient_ascent


def test_the_loss_of_the_forget_set_rises(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A sign lost in the loss trains on what is to be forgotten."""
    unlearned = gradient_ascent(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=3, lr=1e-2, batch_size=32))
    with torch.no_grad():
        old, new = (cross_entropy(m(digits_split.forget.x), digits_split.forget.y) for m in (small_model, unlearned))
    assert new > 2 * old


def test_the_ascent_ends_once_everything_is_forgotten(small_model: Classifier, digits_split: Split) -> None:
    """A loss without a ceiling goes on to ruin the model."""
    short, long = (
        gradient_ascent(small_model, digits_split.forget, digits_split.retain, rng=generator("a"), fit=Fit(epochs=e, lr=0.3, batch_size=16))
        for e in (5, 500)
    )
    assert (short(digits_split.forget.x).argmax(1) == digits_split.forget.y).sum() == 0
    assert all(torch.equal(a, b) for a, b in zip(short.parameters(), long.parameters(), strict=True))


def test_a_diverging_ascent_is_an_error_and_not_a_model(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Released ascent returns NaN weights, which score as perfect forgetting."""
    with pytest.raises(DivergedError, match="lower the learning rate"):
        gradient_ascent(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=5, lr=1e38, batch_size=16))
