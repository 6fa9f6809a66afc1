"""Relabelling within a mask."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.salun import salun
from canforget.unlearning.importance import gradient_saliency


def test_weights_outside_the_mask_stay_bit_identical(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A released version masks the gradient but lets momentum and weight decay move the rest."""
    fit = Fit(epochs=2, batch_size=64, lr=0.013, momentum=0.9, weight_decay=5e-4)
    unlearned = salun(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=fit, keep=0.5)
    mask = gradient_saliency(small_model, digits_split.forget, keep=0.5)
    for name, before in small_model.named_parameters():
        after = unlearned.get_parameter(name)
        assert torch.equal(before[~mask[name]], after[~mask[name]]), name
        assert not torch.equal(before[mask[name]], after[mask[name]]) or not mask[name].any(), name
