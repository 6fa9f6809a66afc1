"""Noise for a class."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.errors import DataError
from canforget.network.classifier import Classifier
from canforget.network.weights import frozen
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.unsir import maximized, unsir


def test_noise_has_a_high_loss_under_the_forgotten_label(small_model: Classifier, rng: Generator) -> None:
    """Noise labelled as another class, or minimized, teaches the class instead of blurring it."""
    labels = torch.zeros(16, dtype=torch.long)
    fits = [Fit(epochs=n, lr=0.1, optimizer="adam") for n in (1, 40)]
    losses = [cross_entropy(small_model(maximized(frozen(small_model), labels, torch.Size((1, 8, 8)), rng, f, 0.1)), labels) for f in fits]
    assert losses[1] > 2 * losses[0]


def test_the_noise_is_computed_in_the_precision_asked_for(
    small_model: Classifier, digits_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who asks for float32 gets other weights where the noise alone is made in bfloat16."""
    asked = []
    spied = maximized

    def seen(*given: Any) -> Tensor:
        asked.append(given[4].precision)
        return spied(*given)

    monkeypatch.setattr("canforget.unlearners.unsir.maximized", seen)
    fit = Fit(epochs=1, batch_size=64, lr=0.02, precision="float32")
    unsir(small_model, digits_split.forget, digits_split.retain, rng=generator("u"), fit=fit)
    assert asked == ["float32"]


def test_the_class_is_impaired_and_the_rest_repaired(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The forgotten label must be the noise's, and the repair must come last."""
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = unsir(small_model, forget, retain, rng=rng, fit=Fit(epochs=3, batch_size=16, lr=0.02))
    with torch.no_grad():
        assert (unlearned(forget.x).argmax(1) == 0).float().mean() < 0.5
        assert (unlearned(retain.x).argmax(1) == retain.y).float().mean() > 0.9


def test_a_part_of_a_class_is_refused(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Noise stands for a class and cannot stand for some of its images."""
    with pytest.raises(DataError, match="whole classes only"):
        unsir(small_model, digits_split.forget[:9], digits_split.forget[9:], rng=rng)
