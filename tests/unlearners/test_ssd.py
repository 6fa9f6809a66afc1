"""Dampening by hand."""

import math

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
    with pytest.raises(DataError, match=r"10 times as much .*at most \d.*lower alpha"):
        ssd(small_model, digits_split.forget, digits_split.retain[:80], rng=rng, alpha=10.0)


def test_batch_means_are_those_of_the_retain_batches_before_the_forget_batches(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """Weighing the two sets by their images, as single gradients are, picks fifty times fewer weights than the released rule."""
    forget, retain = digits_split.forget[:20], digits_split.retain[:150]
    unlearned = ssd(small_model, forget, retain, rng=rng, alpha=4.0, per_sample=False, batch_size=16)
    parameters = list(small_model.parameters())

    def squares(images: Images) -> list[torch.Tensor]:
        found = [torch.autograd.grad(cross_entropy(small_model(x), y), parameters) for x, y in images.batches(16)]
        return [torch.stack([g[i] ** 2 for g in found]).mean(0) for i in range(len(parameters))]

    chosen = 0
    for p, new, i, d in zip(parameters, unlearned.parameters(), squares(forget), squares(together(retain, forget)), strict=True):
        mask = i > 4.0 * d
        chosen += int(mask.sum())
        torch.testing.assert_close(new, torch.where(mask, p * (d / i).clamp(max=1.0), p), rtol=1e-3, atol=1e-6)
    assert chosen > 0


def test_alpha_chooses_itself_the_weights_that_stand_out_most(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The paper's 10 is for a hundredth of the images: when a tenth is forgotten no weight can reach it, and nothing is unlearned."""
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = ssd(small_model, forget, retain, rng=rng)
    moved = torch.cat([(a != b).flatten() for a, b in zip(small_model.parameters(), unlearned.parameters(), strict=True)])
    wanted = math.log(1 + 100 * len(forget) / (len(forget) + len(retain))) / 100
    assert 0.8 * wanted < float(moved.float().mean()) <= 1.01 * wanted
    with torch.no_grad():
        lost, kept = ((unlearned(s.x).argmax(1) == s.y).float().mean() for s in (forget, retain))
    assert lost < 0.5
    assert kept > 0.9
