"""A class that comes and goes."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.boundary_expand import boundary_expand


def test_the_extra_logit_is_gone_and_the_class_forgotten(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A well-known port returns K + 1 logits."""
    forget = digits_split.forget
    unlearned = boundary_expand(small_model, forget, digits_split.retain, rng=rng, fit=Fit(epochs=30, batch_size=16, lr=0.01))
    with torch.no_grad():
        logits = unlearned(forget.x)
    assert logits.shape[1] == 10
    old, new = (torch.softmax(m(forget.x), 1)[:, 0].mean() for m in (small_model, unlearned))
    assert new < old


def test_a_step_of_nothing_returns_the_same_head(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The rows of the known classes must be copied, in order."""
    unlearned = boundary_expand(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=1, lr=1e-12, momentum=0.0))
    torch.testing.assert_close(unlearned.get_parameter("net.8.weight"), small_model.get_parameter("net.8.weight"))
    torch.testing.assert_close(unlearned.get_parameter("net.8.bias"), small_model.get_parameter("net.8.bias"))
