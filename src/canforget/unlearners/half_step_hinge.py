"""Half-step hinge: any base method, plus a hinge loss that moves forget-set logits by half a quantization step."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Bits, NonNegative
from canforget.network.weights import frozen, still
from canforget.registry import component
from canforget.training.constraint import TrainingConstraint
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call, run_base


@component(paper="QUAIL 2026, https://arxiv.org/abs/2601.15538", version=2, wraps=True)
def half_step_hinge(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus",
    bits: Bits = 4,
    weight: NonNegative = 1.0,
) -> nn.Module:
    """Returns what `base` makes of `model` with `weight` * mean max(0, step / 2 - |z - z₀|) on `forget` added to every loss.

    z and z₀ are the logits of the copy and of `model` in eval mode; the step is that of a symmetric grid of `bits` over the largest
    logit of `model` on `forget`. Beyond half a step the hinge is silent: there rounding sees a difference.

    Source: the hinge of the paper, on logits. Deviation: the paper is about language and leaves the step of the logits open; one grid
    for all classes is our reading. The hinge has no gradient at z = z₀: the base method makes the first move.
    """
    require_images("half_step_hinge", forget=forget)
    method = base_call("half_step_hinge", base)
    original, batches = frozen(model), endless(forget, method["fit"].batch_size, rng)
    half = logit_step(original, forget, bits) / 2

    def hinge(unlearned: nn.Module) -> Tensor:
        x = next(batches)
        with torch.no_grad():
            before = original(x).float()
        with still(unlearned):
            apart: Tensor = (unlearned(x).float() - before).abs()
        short = (half - apart).clamp(min=0)
        return weight * short.mean()

    return run_base(method, TrainingConstraint(penalty=hinge), model, forget, retain, rng=rng)


def logit_step(original: nn.Module, images: Images, bits: int) -> float:
    """The step of a symmetric grid of `bits` that reaches the largest logit on `images`."""
    with torch.no_grad():
        top = max(float(original(x).abs().max()) for x, _ in images.batches(512))
    return top / float(2 ** (bits - 1) - 1)


def endless(images: Images, size: int, rng: Generator) -> Iterator[Tensor]:
    """Pixels of shuffled batches without end, from a stream of its own that leaves the base method's alone."""
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
    while True:
        for x, _ in images.batches(size, own):
            yield x
