"""Magnitude floor: any base method in few weights, each of which moves at least one quantization step or stays bit-identical."""

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Bits, Share
from canforget.network.weights import finite, put_, replaced
from canforget.quantization.qat import rounded_names, step_sizes
from canforget.registry import component
from canforget.training.constraint import TrainingConstraint
from canforget.unlearning.importance import largest, mean_gradient
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call, run_base

Weights = dict[str, Tensor]


@component(paper="MANSU 2026, https://arxiv.org/abs/2605.15138", version=2, wraps=True)
def magnitude_floor(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus",
    bits: Bits = 4,
    keep: Share = 0.01,
) -> nn.Module:
    """Returns what `base` makes of `model` when a weight moves at least one step of its channel's grid of `bits`, or stays bit-identical.

    The fraction `keep` of the weights of linear layers and convolutions with the largest gradient on `forget` may move. Every loss is
    taken with their moves stretched to the floor, and the gradient applied straight through, so that the base method can make up for
    what the stretching breaks. Steps are those of `model`: symmetric, min-max, one scale per output channel. Biases and norms, which
    are not rounded, move freely.

    Source: the magnitude floor of the paper; its choice of weights (by circuits, in a null space) is replaced by gradient saliency.
    """
    require_images("magnitude_floor", forget=forget)
    names = rounded_names(model)
    start = {n: model.get_parameter(n).detach().clone() for n in names}
    steps = {n: step_sizes(w, bits) for n, w in start.items()}
    gradients = mean_gradient(model, forget)
    mask = largest({n: gradients[n].abs() for n in names}, keep)
    shape = TrainingConstraint(mask=mask, during=lambda m: replaced(m, stretched(m, start, steps)))
    unlearned = run_base(base_call("magnitude_floor", base), shape, model, forget, retain, rng=rng)
    put_(unlearned, stretched(unlearned, start, steps))
    return finite(unlearned, "after stretching every move to a step")


@torch.no_grad()
def stretched(model: nn.Module, start: Weights, steps: Weights) -> Weights:
    """The weights with every move from `start` at least one of `steps` long."""
    moves = {n: model.get_parameter(n) - w for n, w in start.items()}
    return {n: torch.where(m == 0, start[n], start[n] + m.sign() * m.abs().maximum(floor(start[n], steps[n]))) for n, m in moves.items()}


def floor(start: Tensor, step: Tensor) -> Tensor:
    """The step, and so much more that float32 cannot lose it when it is added to `start`."""
    return step + 2 * torch.finfo(torch.float32).eps * (start.abs() + step)
