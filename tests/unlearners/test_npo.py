"""Negative preference by hand."""

from copy import deepcopy

import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.npo import npo
from tests.narrowed import present


def test_a_small_beta_is_gradient_ascent(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The paper's limit; with logits in the place of probabilities, or a sign flipped, it fails."""
    fit = Fit(epochs=1, batch_size=1000, lr=0.1, momentum=0.0, precision="float32")
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = npo(small_model, forget, retain, rng=rng, fit=fit, beta=1e-4, weight=0.5)
    twin = deepcopy(small_model).train()
    (0.5 * cross_entropy(twin(retain.x), retain.y) - cross_entropy(twin(forget.x), forget.y)).backward()
    for name, p in twin.named_parameters():
        torch.testing.assert_close(unlearned.get_parameter(name), p - 0.1 * present(p.grad), rtol=1e-3, atol=1e-5)


def test_both_retain_losses_keep_utility(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The forgetting must not cost the rest."""
    forget, retain = digits_split.forget, digits_split.retain
    for keep in ("gdr", "klr"):
        unlearned = npo(small_model, forget, retain, rng=rng, fit=Fit(epochs=3, batch_size=64, lr=0.01), beta=1.0, keep=keep)
        assert (unlearned(retain.x).argmax(1) == retain.y).float().mean() > 0.9
        assert (unlearned(forget.x).argmax(1) == 0).float().mean() < 0.1
