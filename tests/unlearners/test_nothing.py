"""The control."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.unlearners.nothing import nothing


def test_nothing_returns_a_copy_that_shares_no_memory(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """An alias would let a later step change the original model."""
    copy = nothing(small_model, digits_split.forget, digits_split.retain, rng=rng)
    for name, p in small_model.named_parameters():
        assert torch.equal(p, copy.get_parameter(name))
        assert p.data_ptr() != copy.get_parameter(name).data_ptr()
