"""Dampening by hand."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split, together
from canforget.errors import DataError
from canforget.network.classifier import Classifier
from canforget.unlearners.ssd import ssd


def fisher(model: Classifier, images: Images) -> list[torch.Tensor]:
    """Mean squared gradients, one image at a time."""
    total = [torch.zeros_like(p) for p in model.parameters()]
    for x, y in images.batches(1):
        for t, g in zip(total, torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters())), strict=True):
            t += g**2
    return [t / len(images) for t in total]


def test_weights_are_dampened_by_the_ratio_of_single_sample_fisher(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Squared batch means select other weights, and depend on the order of the images."""
    forget, retain = digits_split.forget[:20], digits_split.retain[:150]
    unlearned = ssd(small_model, forget, retain, rng=rng, alpha=2.0, dampening=0.5)
    lost, general = fisher(small_model, forget), fisher(small_model, together(forget, retain))
    chosen = 0
    for p, new, i, d in zip(small_model.parameters(), unlearned.parameters(), lost, general, strict=True):
        mask = i > 2.0 * d
        chosen += int(mask.sum())
        torch.testing.assert_close(new, torch.where(mask, p * (0.5 * d / i).clamp(max=1.0), p), rtol=1e-3, atol=1e-6)
    assert chosen > 0


def test_a_threshold_that_nothing_passes_is_refused(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Against all images the ratio cannot exceed n / n_forget; the original weights would come back as "unlearned"."""
    with pytest.raises(DataError, match=r"at most \d.*lower alpha"):
        ssd(small_model, digits_split.forget, digits_split.retain[:80], rng=rng)
