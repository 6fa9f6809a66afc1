"""Preference without a reference."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.npo import npo
from canforget.unlearners.sim_npo import sim_npo


def test_the_forgetting_slows_down_where_the_class_is_already_unlikely(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """Plain ascent goes on without end and takes the model with it."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=5, batch_size=64, lr=0.01)
    losses = []
    for method in (sim_npo, lambda *a, **k: npo(*a, **k, beta=1e-4)):
        logits = method(small_model, forget, retain, rng=rng, fit=fit)(forget.x).detach()
        losses.append(torch.nn.functional.cross_entropy(logits, forget.y))
    assert 1.0 < losses[0] < 0.5 * losses[1]
