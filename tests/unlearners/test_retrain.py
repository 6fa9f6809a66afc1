"""Retraining from fresh weights."""

from copy import deepcopy

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.retrain import retrain


def test_nothing_of_the_original_weights_or_statistics_is_left(small_model: Classifier, digits_split: Split) -> None:
    """A released "retrain" resets the last layer only: two different originals would give two different models."""
    other = deepcopy(small_model)
    with torch.no_grad():
        for tensor in [*other.parameters(), *(b for n, b in other.named_buffers() if "running" in n)]:
            tensor.add_(1.0)
    fit = Fit(epochs=1, lr=0.05)
    one, two = (retrain(m, digits_split.forget, digits_split.retain, rng=generator("r"), fit=fit) for m in (small_model, other))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_the_retrained_model_never_saw_the_forgotten_class(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A reference that trained on the forget set makes every method look perfect."""
    model = retrain(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=5, batch_size=64, lr=0.05))
    with torch.no_grad():
        assert (model(digits_split.forget.x).argmax(1) == 0).float().mean() < 0.02
        assert (model(digits_split.retain.x).argmax(1) == digits_split.retain.y).float().mean() > 0.9
