"""STE: any base method, trained through rounded weights with straight-through gradients."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Bits
from canforget.network.weights import replaced
from canforget.quantization.qat import at_nearest, rounded_names
from canforget.registry import component
from canforget.training.constraint import TrainingConstraint
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call, run_base


@component(paper="DurableUn 2026, https://arxiv.org/abs/2605.02196", version=2, wraps=True)
def ste(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus",
    bits: Bits = 4,
) -> nn.Module:
    """Returns what `base` makes of `model` when every loss is taken with weights rounded to `bits`, unrounded in the end.

    Weights of linear layers and convolutions are rounded to nearest, symmetric, min-max, one scale per output channel; the gradient
    found there moves the unrounded weights. Running statistics are those of the rounded model. A reference model of the base method
    (the original) stays unrounded.

    Source: straight-through unlearning as in the paper. Deviation: without its sharpness-aware steps.
    """
    require_images("ste", forget=forget)
    names = rounded_names(model)
    shape = TrainingConstraint(during=lambda m: replaced(m, {n: at_nearest(m.get_parameter(n), bits) for n in names}))
    return run_base(base_call("ste", base), shape, model, forget, retain, rng=rng)
