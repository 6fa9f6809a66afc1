"""Finetuning with a fading penalty."""

import torch
from torch import Generator

from canforget.classifier import Classifier
from canforget.fit import Fit
from canforget.images import Split
from canforget.rng import generator
from canforget.unlearners.l1_sparse import l1_sparse


def test_a_penalty_leaves_smaller_weights(small_model: Classifier, digits_split: Split) -> None:
    """A penalty on a copy of the weights, or on those of the original, pulls nothing."""
    lengths = []
    for alpha in (0.0, 0.03):
        model = l1_sparse(
            small_model, digits_split.forget, digits_split.retain, rng=generator("l"), fit=Fit(epochs=3, lr=0.01), alpha=alpha
        )
        lengths.append(sum(p.abs().sum() for p in model.parameters()))
    assert lengths[1] < 0.95 * lengths[0]


def test_the_first_step_of_each_epoch_pulls_less_than_the_last_epochs(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A constant penalty leaves the model worse than the paper's, which fades linearly."""
    from canforget.unlearners import l1_sparse as module

    seen: list[float] = []
    original = module.partial
    module.partial = lambda f, penalty: seen.append(penalty) or original(f, penalty)
    try:
        l1_sparse(small_model, digits_split.forget, digits_split.retain[:50], rng=rng, fit=Fit(epochs=4, lr=1e-3), alpha=0.4)
    finally:
        module.partial = original
    torch.testing.assert_close(seen, [0.4, 0.3, 0.2, 0.1])
