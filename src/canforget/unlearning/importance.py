"""Importance of weights: diagonal empirical Fisher information, gradient saliency masks, selective synaptic dampening."""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.errors import DataError
from canforget.network.weights import finite, frozen
from canforget.progress import advance

Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits [n, classes], labels [n]) -> its mean over the samples."""
Weights = dict[str, Tensor]
"""A tensor for each parameter that may change, by the parameter's name."""

GRADIENTS_AT_ONCE = 1 << 27
"""How many numbers the per-sample gradients of one batch may hold: half a gibibyte."""
SMALLEST = 1e-38
"""What an importance of 0 counts as, where it is divided by."""


def importance(
    model: nn.Module,
    images: Images,
    *,
    objective: Objective = cross_entropy,
    measure: Callable[[Tensor], Tensor] = torch.square,
    per_sample: bool = True,
    batch_size: int = 64,
    span: tuple[float, float] = (0.0, 1.0),
) -> Weights:
    """Returns the mean of `measure` of the objective's gradient in eval mode, by weight: with cross-entropy the diagonal empirical Fisher.

    `per_sample` takes the measure of every image's gradient: the definition, which no order or batch size can change. Otherwise it is
    taken of the batches' mean gradients, as released code does. `span` is the part of the step whose progress this is.
    """
    gradients = gradients_of_samples if per_sample else gradients_of_batches
    twin = frozen(model)
    weights = {n: twin.get_parameter(n).detach() for n, p in model.named_parameters() if p.requires_grad}
    size = max(1, min(batch_size, GRADIENTS_AT_ONCE // max(1, sum(w.numel() for w in weights.values())))) if per_sample else batch_size
    total = {n: torch.zeros_like(w) for n, w in weights.items()}
    taken = 0
    for place, found in enumerate(gradients(twin, weights, images, objective, size)):
        for name, value in found.items():
            total[name] += measure(value).sum(dim=0)
        taken += len(next(iter(found.values())))
        advance(span[0] + (span[1] - span[0]) * min(1.0, (place + 1) * size / len(images)))
    found = {n: t / max(1, taken) for n, t in total.items()}
    check_importance(found)
    return found


def check_importance(found: Weights) -> None:
    """Raises `DataError` when an importance is beyond float32: such numbers can be neither compared nor ranked."""
    for name, value in found.items():
        if not torch.isfinite(value).all():
            raise DataError(
                f"importance: the squared gradients of '{name}' are beyond float32, for the model's logits are huge in evaluation mode "
                "(weights that diverged, or BatchNorm statistics that have not settled); train it longer, or at a lower learning rate"
            )


def gradients_of_samples(twin: nn.Module, weights: Weights, images: Images, objective: Objective, size: int) -> Iterator[Weights]:
    """Yields the gradients of `size` single images at a time, each [size, ...]."""

    def loss(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        return objective(functional_call(twin, weights, (x[None],)), y[None])

    every = vmap(grad(loss), in_dims=(None, 0, 0))
    for x, y in images.batches(size):
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels know no gradients of single samples
            yield every(weights, x, y)


def gradients_of_batches(twin: nn.Module, weights: Weights, images: Images, objective: Objective, size: int) -> Iterator[Weights]:
    """Yields the mean gradient of each batch of `size` images, [1, ...]."""

    def loss(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        return objective(functional_call(twin, weights, (x,)), y)

    for x, y in images.batches(size):
        yield {name: g[None] for name, g in grad(loss)(weights, x, y).items()}


def gradient_saliency(model: nn.Module, images: Images, *, keep: float, batch_size: int = 256) -> Weights:
    """Returns the mask (True = salient) of the fraction `keep` of all weights whose summed cross-entropy gradient on `images` is largest.

    One ranking over the whole model, in eval mode; exactly `keep` of the weights are chosen, ties included.

    Source: Fan et al. 2024, equation 3, https://arxiv.org/abs/2310.12508.
    """

    return largest({name: g.abs() for name, g in mean_gradient(model, images, batch_size=batch_size).items()}, keep)


def mean_gradient(model: nn.Module, images: Images, *, batch_size: int = 256) -> Weights:
    """Returns the gradient of the mean cross-entropy on all of `images` in eval mode, by weight."""

    def share(logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits, y, reduction="sum") / len(images)

    parts = importance(model, images, objective=share, measure=lambda g: g, per_sample=False, batch_size=batch_size, span=(0.0, 0.0))
    batches = -(-len(images) // batch_size)
    return {name: part * batches for name, part in parts.items()}


def largest(scores: Weights, keep: float) -> Weights:
    """Returns the mask of the fraction `keep` of all entries of `scores` that are largest, over all tensors together.

    >>> largest({"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([2.0, 4.0])}, keep=0.5)
    {'a': tensor([ True, False]), 'b': tensor([False,  True])}
    """
    flat = torch.cat([s.flatten() for s in scores.values()])
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[flat.argsort(descending=True, stable=True)[: round(keep * len(flat))]] = True
    parts = torch.split(chosen, [s.numel() for s in scores.values()])
    return {name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)}


def dampened(
    model: nn.Module, lost: Weights, general: Weights, alpha: float, dampening: float, *, method: str, forgotten: float
) -> nn.Module:
    """Returns a copy of `model` whose weights with `lost` > `alpha` * `general` are multiplied by min(1, `dampening` * general / lost).

    With `alpha` 0 the weights are those of the largest lost / general, `adaptive_share` of the fraction `forgotten` of the images.

    Raises:
        DataError: no weight stands out so far; the message says how far the furthest does.

    Source: Foster et al. 2024, equations 4 and 5, https://arxiv.org/abs/2308.07707.
    """
    unlearned = deepcopy(model).eval()
    standing = {n: torch.where(lost[n] > 0, lost[n] / general[n].clamp_min(SMALLEST), 0.0) for n in lost}
    chosen = {n: r > alpha for n, r in standing.items()} if alpha else largest_ratios(standing, adaptive_share(forgotten))
    if not any(bool(c.any()) for c in chosen.values()):
        most = max(float(r.max()) for r in standing.values())
        wanted = f"{alpha:g} times as much" if alpha else "more"
        raise DataError(f"{method}: no weight matters {wanted} to the forget set as in general (at most {most:.3g} times); lower alpha")
    with torch.no_grad():
        for name, mask in chosen.items():
            factor = (dampening / standing[name]).clamp(max=1.0)
            weights = unlearned.get_parameter(name)
            weights.copy_(torch.where(mask, weights * factor, weights))
    return finite(unlearned, "after dampening")


def adaptive_share(forgotten: float) -> float:
    """Returns the fraction of all weights to dampen when the fraction `forgotten` of the images is to be forgotten.

    It is ln(1 + p) percent for p percent of images: 2.4 % of the weights for a tenth, .7 % for a hundredth.

    Source: Schoepf et al. 2024 (adaptive SSD), https://arxiv.org/abs/2402.10098.

    >>> round(adaptive_share(0.1), 4), round(adaptive_share(0.01), 4)
    (0.024, 0.0069)
    """
    return math.log(1 + 100 * forgotten) / 100


def largest_ratios(standing: Weights, share: float) -> Weights:
    """Returns the mask of the fraction `share` of all entries (at least one) that are largest, as far as they are above 1."""
    count = sum(s.numel() for s in standing.values())
    return {n: mask & (standing[n] > 1) for n, mask in largest(standing, max(share, 1 / count)).items()}
