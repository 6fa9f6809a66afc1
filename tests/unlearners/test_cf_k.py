"""Finetuning the end of a net."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.cf_k import cf_k


def test_layers_before_the_last_stay_bit_identical(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """BatchNorm statistics of frozen layers must not drift either."""
    unlearned = cf_k(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=1, weight_decay=5e-4), layers=1)
    changed = {n for n, v in unlearned.state_dict().items() if not torch.equal(v, small_model.state_dict()[n])}
    assert changed == {"net.8.weight", "net.8.bias"}
