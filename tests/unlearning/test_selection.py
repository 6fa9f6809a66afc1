"""Carving and judging."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.network.predict import fraction_correct
from canforget.unlearning.batches import carve


def test_a_carved_part_and_the_rest_are_the_set(digits_split: Split, rng: Generator) -> None:
    """A state must not be chosen on images that it was stepped on."""
    rest, part = carve(digits_split.retain, 0.1, rng)
    assert len(part) == round(0.1 * len(digits_split.retain))
    assert sorted([*rest.ids.tolist(), *part.ids.tolist()]) == sorted(digits_split.retain.ids.tolist())


def test_judging_changes_nothing_in_the_model(small_model: Classifier, digits_split: Split) -> None:
    """An accuracy taken in train mode moves BatchNorm's statistics."""
    small_model.train()
    before = small_model.net[1].running_mean.clone()
    found = fraction_correct(small_model, digits_split.test, batch_size=33)
    assert small_model.training
    small_model.eval()
    assert torch.equal(before, small_model.net[1].running_mean)
    assert found == float((small_model(digits_split.test.x).argmax(1) == digits_split.test.y).double().mean())
