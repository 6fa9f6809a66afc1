"""Control, bounded update: any base method whose weights move by less than a fraction of a quantization step."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Bits, Positive
from canforget.quantization.qat import rounded_names, step_sizes
from canforget.registry import component
from canforget.unlearning.bounds import run_bounded
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call


@component(version=3, wraps=True, control=True)
def bounded_update(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus:fit.epochs=5,fit.lr=0.003",
    bits: Bits = 4,
    reach: Positive = 0.25,
) -> nn.Module:
    """Returns what `base` makes of `model` when no weight moves further than `reach` of a step of its channel's grid of `bits`.

    The regime in which language models were seen to remember again: an update far below half a step. Unlike `within_rounding_cells` it
    flips the codes that lie near an edge, so that a part of the update survives, by chance and in the right direction. Biases and norms
    stay as they are.
    """
    require_images("bounded_update", forget=forget)
    start = {name: model.get_parameter(name).detach().clone() for name in rounded_names(model)}
    steps = {name: reach * step_sizes(weight, bits) for name, weight in start.items()}
    bounds = {name: (weight - steps[name], weight + steps[name]) for name, weight in start.items()}
    return run_bounded(base_call("bounded_update", base), bounds, model, forget, retain, rng=rng)
