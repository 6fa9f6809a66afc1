"""Importance against a slow loop over single images, and what is done with it by hand: masks and dampening."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split
from canforget.errors import DataError
from canforget.network.classifier import Classifier
from canforget.testing.problems import mislabelled
from canforget.unlearning.importance import adaptive_share, dampened, gradient_saliency, importance, mean_gradient

SSD: dict[str, Any] = {"method": "ssd", "forgotten": 0.1}


def looped(model: torch.nn.Module, images: Images) -> dict[str, torch.Tensor]:
    """Mean squared gradient of the cross-entropy, one image at a time, by plain autograd."""
    total = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    for x, y in images.batches(1):
        gradients = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
        for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
            total[name] += gradient**2
    return {n: t / len(images) for n, t in total.items()}


@pytest.mark.parametrize("net", ["convolutions", "attention"])
def test_importance_is_the_mean_square_of_single_gradients(net: Any) -> None:
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
    model.get_parameter("net.0.weight").requires_grad_(False)
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


def test_the_mean_gradient_does_not_depend_on_the_batches(small_model: Classifier, digits_split: Split) -> None:
    """Adding up the means of batches, as released SalUn code does, gives the images of a last, smaller batch more weight."""
    images = digits_split.forget[:50]
    whole, parts = (mean_gradient(small_model, images, batch_size=size) for size in (50, 16))
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-3, atol=1e-6)


def test_only_weights_that_stand_out_are_scaled_and_never_up() -> None:
    """Without the minimum, a large dampening constant would enlarge weights."""
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, 2.0, 4.0]])
    lost, general = {"weight": torch.tensor([[1.0, 8.0, 3.0]])}, {"weight": torch.tensor([[1.0, 2.0, 1.0]])}
    torch.testing.assert_close(dampened(model, lost, general, 2.0, 1.0, **SSD).weight.data, torch.tensor([[1.0, 0.5, 4.0 / 3]]))
    torch.testing.assert_close(dampened(model, lost, general, 2.0, 100.0, **SSD).weight.data, model.weight.data)
    with pytest.raises(DataError, match=r"ssd: no weight matters 9 times .*at most 4"):
        dampened(model, lost, general, 9.0, 1.0, **SSD)


def test_without_alpha_the_foremost_weights_are_scaled_and_ties_are_counted() -> None:
    """A percentile of a ratio that most weights tie at selects none of them, or all."""
    model = nn.Linear(100, 1, bias=False)
    model.weight.data = torch.ones(1, 100)
    lost, general = torch.ones(1, 100), torch.ones(1, 100)
    lost[0, :10] = 4.0
    share = adaptive_share(0.1)
    scaled = dampened(model, {"weight": lost}, {"weight": general}, 0.0, 1.0, **SSD).get_parameter("weight").data
    assert int(torch.eq(scaled, 0.25).sum()) == round(100 * share) == 2
    with pytest.raises(DataError, match=r"ssd: no weight matters more .*at most 1 times"):
        dampened(model, {"weight": general}, {"weight": general}, 0.0, 1.0, **SSD)


def test_a_weight_that_matters_to_nothing_is_neither_chosen_nor_nan() -> None:
    """0 / 0: a message of "at most nan" says nothing, and a factor of NaN ends the net."""
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = torch.ones(1, 3)
    lost, general = {"weight": torch.tensor([[0.0, 1.0, 6.0]])}, {"weight": torch.tensor([[0.0, 0.0, 2.0]])}
    assert dampened(model, lost, general, 2.0, 1.0, **SSD).get_parameter("weight").data[0].tolist() == pytest.approx([1.0, 0.0, 1 / 3])


def test_gradients_beyond_float32_are_refused_by_the_weights_name(small_model: Classifier, digits_split: Split) -> None:
    """A net whose BatchNorm statistics never settled has logits of 1e13: squared gradients overflow, and infinity by itself is NaN."""
    model = deepcopy(small_model)
    model.get_parameter("net.8.weight").data *= -1e30
    with pytest.raises(DataError, match=r"squared gradients of 'net\.\d\.weight' are beyond float32.*train it longer"):
        importance(model, digits_split.forget[:4])
