"""One step of NegGrad+ by hand."""

from copy import deepcopy

import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.neggrad_plus import neggrad_plus
from tests.narrowed import present


def test_a_step_goes_down_the_weighted_difference_of_both_losses(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Weights swapped, or two steps instead of one, are another method."""
    fit = Fit(epochs=1, batch_size=1000, lr=0.1, momentum=0.0, precision="float32")
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = neggrad_plus(small_model, forget, retain, rng=rng, fit=fit, alpha=0.8)
    twin = deepcopy(small_model).train()
    (0.8 * cross_entropy(twin(retain.x), retain.y) - 0.2 * cross_entropy(twin(forget.x), forget.y)).backward()
    for name, p in twin.named_parameters():
        torch.testing.assert_close(unlearned.get_parameter(name), p - 0.1 * present(p.grad), rtol=1e-4, atol=1e-6)
