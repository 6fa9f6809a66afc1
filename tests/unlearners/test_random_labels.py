"""Relabelling by lot."""

import torch
from torch import Generator
from torch.nn.functional import softmax

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.random_labels import random_labels


def test_forgotten_images_are_predicted_evenly_and_the_rest_as_before(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """One fixed wrong label would only move the confidence elsewhere."""
    forget, retain = digits_split.forget, digits_split.retain[:0]
    unlearned = random_labels(small_model, forget, retain, rng=rng, fit=Fit(epochs=30, lr=0.05, batch_size=32))
    with torch.no_grad():
        old, new = (softmax(m(forget.x), dim=1).mean(0) for m in (small_model, unlearned))
    assert old[0] > 0.9
    assert new.max() < 0.3


def test_the_retain_set_is_taught_its_own_labels(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Utility must survive: every epoch ends on the retain set."""
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = random_labels(small_model, forget, retain, rng=rng, fit=Fit(epochs=3, lr=0.013, batch_size=16))
    with torch.no_grad():
        assert (unlearned(retain.x).argmax(1) == retain.y).float().mean() > 0.95
