"""Finetuning on what remains."""

import torch

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.finetune import finetune


def test_the_forget_set_is_never_looked_at(small_model: Classifier, digits_split: Split) -> None:
    """BatchNorm statistics or labels of the forget set would leak into the model."""
    fit = Fit(epochs=1)
    one, two = (finetune(small_model, f, digits_split.retain, rng=generator("f"), fit=fit) for f in (digits_split.forget, digits_split.val))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
