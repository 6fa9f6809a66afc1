"""Dampening without labels."""

import pytest
import torch

from canforget.data.images import Images, Split, together
from canforget.errors import DataError
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.unlearners.lfssd import lfssd


def importance_of(model: Classifier, images: Images) -> list[torch.Tensor]:
    """Mean absolute gradient of the squared length of the logits, one image at a time."""
    total = [torch.zeros_like(p) for p in model.parameters()]
    for x, _ in images.batches(1):
        for t, g in zip(total, torch.autograd.grad((model(x) ** 2).sum(), list(model.parameters())), strict=True):
            t += g.abs()
    return [t / len(images) for t in total]


def test_weights_are_dampened_by_the_reach_of_the_logits(small_model: Classifier, digits_split: Split) -> None:
    """Squares in the place of magnitudes, or labels, select other weights."""
    forget, retain = digits_split.forget[:15], digits_split.retain[:150]
    unlearned = lfssd(small_model, forget, retain, rng=generator("l"), alpha=1.5)
    lost, general = importance_of(small_model, forget), importance_of(small_model, together(forget, retain))
    for p, new, i, d in zip(small_model.parameters(), unlearned.parameters(), lost, general, strict=True):
        torch.testing.assert_close(new, torch.where(i > 1.5 * d, p * (d / i).clamp(max=1), p), rtol=1e-3, atol=1e-6)
    lied = Images(forget.x, (forget.y + 1) % 10, forget.ids)
    again = lfssd(small_model, lied, retain, rng=generator("l"), alpha=1.5)
    assert all(torch.equal(a, b) for a, b in zip(unlearned.parameters(), again.parameters(), strict=True))


def test_alpha_chooses_itself(small_model: Classifier, digits_split: Split) -> None:
    """No weight can stand out ten times when a tenth is forgotten."""
    unlearned = lfssd(small_model, digits_split.forget, digits_split.retain[:300], rng=generator("l"))
    moved = torch.cat([(a != b).flatten() for a, b in zip(small_model.parameters(), unlearned.parameters(), strict=True)])
    assert 0.005 < float(moved.float().mean()) < 0.05


def test_a_threshold_that_nothing_passes_is_refused(small_model: Classifier, digits_split: Split) -> None:
    """The original weights would come back as "unlearned"."""
    with pytest.raises(DataError, match="lfssd: no weight matters 50 times"):
        lfssd(small_model, digits_split.forget, digits_split.retain[:100], rng=generator("l"), alpha=50.0)
