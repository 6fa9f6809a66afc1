"""Noise for a class."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.errors import DataError
from canforget.network.classifier import Classifier
from canforget.network.weights import frozen
from canforget.training.loop import Fit
from canforget.unlearners.unsir import maximized, unsir


def test_noise_has_a_high_loss_under_the_forgotten_label(small_model: Classifier, rng: Generator) -> None:
    """Noise labelled as another class, or minimized, teaches the class instead of blurring it."""
    labels = torch.zeros(16, dtype=torch.long)
    losses = [cross_entropy(small_model(maximized(frozen(small_model), labels, (1, 8, 8), rng, n, 0.1, 0.1)), labels) for n in (0, 40)]
    assert losses[1] > 2 * losses[0]


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
