"""Wrong labels among right ones."""

import torch
from torch import Generator
from torch.nn.functional import softmax

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.amnesiac import amnesiac


def test_the_true_class_becomes_the_least_likely(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Labels drawn from all classes leave the true one its share."""
    forget = digits_split.forget
    fit = Fit(epochs=40, batch_size=32, lr=5e-3, optimizer="adam")
    unlearned = amnesiac(small_model, forget, digits_split.retain[:0], rng=rng, fit=fit)
    with torch.no_grad():
        assert softmax(unlearned(forget.x), dim=1).mean(0).argmin() == 0
