"""Finetuning with a fading penalty."""

from copy import deepcopy

import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.l1_sparse import l1_sparse
from tests.narrowed import present


def test_a_penalty_leaves_smaller_weights(small_model: Classifier, digits_split: Split) -> None:
    """A penalty on a copy of the weights, or on those of the original, pulls nothing."""
    lengths = []
    for alpha in (0.0, 0.03):
        model = l1_sparse(
            small_model, digits_split.forget, digits_split.retain, rng=generator("l"), fit=Fit(epochs=3, lr=0.01), alpha=alpha
        )
        lengths.append(sum(p.abs().sum() for p in model.parameters()))
    assert lengths[1] < 0.95 * lengths[0]


def test_the_penalty_fades_linearly_from_epoch_to_epoch(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A constant penalty ends worse: with all of alpha gone by the last epoch but a share of 1 / epochs, utility comes back."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=2, batch_size=1000, lr=0.1, momentum=0.0, precision="float32")
    unlearned = l1_sparse(small_model, forget, retain, rng=rng, fit=fit, alpha=0.01)
    twin = deepcopy(small_model).train()
    for penalty in (0.01, 0.005):
        twin.zero_grad()
        (cross_entropy(twin(retain.x), retain.y) + penalty * sum(p.abs().sum() for p in twin.parameters())).backward()
        with torch.no_grad():
            for p in twin.parameters():
                p.sub_(0.1 * present(p.grad))
    for name, p in twin.named_parameters():
        torch.testing.assert_close(unlearned.get_parameter(name), p, rtol=0, atol=1e-4)
