"""Training a part."""

from copy import deepcopy

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearning.layers import train_only_


def test_the_rest_keeps_its_bits_and_its_flags(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Statistics of frozen norms that go on moving change the frozen layers after all."""
    model = deepcopy(small_model)
    model.net[8].bias.requires_grad_(False)
    train_only_(model, {"net.8.weight", "net.8.bias"}, digits_split.retain, rng=rng, fit=Fit(epochs=1, lr=0.1))
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, small_model.state_dict()[n])}
    assert changed == {"net.8.weight"}
    assert [n for n, p in model.named_parameters() if not p.requires_grad] == ["net.8.bias"]
