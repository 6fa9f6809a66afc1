"""Importance against a slow loop over single images."""

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split
from canforget.network.classifier import Classifier
from canforget.testing.problems import mislabelled
from canforget.unlearning.importance import gradient_saliency, importance


def looped(model: torch.nn.Module, images: Images) -> dict[str, torch.Tensor]:
    """Mean squared gradient of the cross-entropy, one image at a time, by plain autograd."""
    total = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    for x, y in images.batches(1):
        gradients = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
        for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
            total[name] += gradient**2
    return {n: t / len(images) for n, t in total.items()}


@pytest.mark.parametrize("net", ["convolutions", "attention"])
def test_importance_is_the_mean_square_of_single_gradients(net) -> None:
    """Released code squares the mean gradient of a batch and calls it Fisher information."""
    problem = mislabelled(net)
    images = problem.retain[:21]
    found = importance(problem.model, images, batch_size=8)
    for name, expected in looped(problem.model, images).items():
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-9)


def test_single_gradients_know_no_order_and_no_batch_size(small_model: Classifier, digits_split: Split) -> None:
    """With squared batch means the retain set fed before the forget set selects other weights than mixed order does."""
    images = digits_split.retain[:60]
    backwards = images[torch.arange(59, -1, -1)]
    one = importance(small_model, images, batch_size=60)
    other = importance(small_model, backwards, batch_size=7)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-9)
    mean = importance(small_model, images, batch_size=60, per_sample=False)
    assert all((mean[n] <= one[n] + 1e-9).all() for n in one)
    assert sum(m.sum() for m in mean.values()) < 0.5 * sum(o.sum() for o in one.values())


def test_batch_means_of_single_images_are_the_fisher_information(small_model: Classifier, digits_split: Split) -> None:
    """The two definitions must meet where they are the same."""
    images = digits_split.retain[:9]
    one = importance(small_model, images)
    other = importance(small_model, images, per_sample=False, batch_size=1)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-9)


def test_importance_leaves_frozen_weights_out(digits_split: Split, small_model: Classifier) -> None:
    """A mask or a factor for a frozen weight would move it."""
    model = deepcopy(small_model)
    model.net[0].weight.requires_grad_(False)
    assert "net.0.weight" not in importance(model, digits_split.forget[:4])
    assert all(p.grad is None for n, p in model.named_parameters() if n == "net.0.weight")


def test_saliency_keeps_the_largest_summed_gradients_of_the_whole_model(small_model: Classifier, digits_split: Split) -> None:
    """A ranking within each layer, or of per-sample magnitudes, keeps other weights."""
    images = digits_split.forget
    mask = gradient_saliency(small_model, images, keep=0.3, batch_size=16)
    loss = cross_entropy(small_model(images.x), images.y, reduction="sum")
    gradients = torch.autograd.grad(loss, list(small_model.parameters()))
    flat = torch.cat([g.abs().flatten() for g in gradients])
    kept = torch.cat([mask[n].flatten() for n, _ in small_model.named_parameters()])
    assert kept.sum() == round(0.3 * len(flat))
    assert flat[kept].min() >= flat[~kept].max() * 0.999
