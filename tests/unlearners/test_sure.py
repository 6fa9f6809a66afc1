"""Few rows, and only those."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.sure import sure


@pytest.mark.parametrize("base", ["neggrad_plus", "scrub", "random_labels"])
def test_rows_outside_the_top_tenth_stay_bit_identical(base: str, small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The released mask is never applied, and would cover the forget loss alone."""
    forget = digits_split.forget
    fit = Fit(epochs=1, batch_size=64, lr=0.05, weight_decay=5e-4)
    unlearned = sure(small_model, forget, digits_split.retain, rng=rng, base={"name": base, "fit": fit})
    gradients = torch.autograd.grad(cross_entropy(small_model(forget.x), forget.y), list(small_model.parameters()))
    norms = torch.cat([g.reshape(len(g), -1).norm(dim=1) for g in gradients])
    least = norms.sort(descending=True).values[round(0.1 * len(norms))]
    moved = 0
    for (name, p), g in zip(small_model.named_parameters(), gradients, strict=True):
        same = (unlearned.get_parameter(name) == p).reshape(len(g), -1).all(dim=1)
        moved += int((~same).sum())
        assert same[g.reshape(len(g), -1).norm(dim=1) < 0.999 * least].all(), name
    assert moved == round(0.1 * len(norms))
