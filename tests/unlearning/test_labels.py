"""Labels by lot."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.unlearning.labels import class_count, random_classes, wrong_classes


def test_random_labels_are_even_over_all_classes(rng: Generator) -> None:
    """Leaving the true class out would be another method."""
    drawn = random_classes(torch.zeros(6000, dtype=torch.long), 6, rng)
    counts = torch.bincount(drawn, minlength=6)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_wrong_labels_are_even_over_the_other_classes(rng: Generator) -> None:
    """Shifting a label by one would always give the same neighbour."""
    drawn = wrong_classes(torch.full((5000,), 2), 6, rng)
    counts = torch.bincount(drawn, minlength=6)
    assert counts[2] == 0
    assert counts[counts > 0].min() > 850


def test_classes_are_counted_from_the_logits(small_model: Classifier, digits_split: Split) -> None:
    """Counting labels misses classes that the forget set lacks; and counting must not touch BatchNorm statistics."""
    before = small_model.get_buffer("net.1.running_mean").clone()
    assert class_count(small_model, digits_split.forget) == 10
    assert torch.equal(before, small_model.get_buffer("net.1.running_mean"))
