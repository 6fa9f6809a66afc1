"""Control, bounded update: any base method whose weights move by less than a fraction of a quantization step."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.quantization.qat import rounded_names, step_sizes
from canforget.registry import component
from canforget.training.loop import Fit
from canforget.unlearning.bounds import run_bounded
from canforget.unlearning.requirements import require_images


@component(version=1, wraps=True, control=True)
def bounded_update(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: str = "neggrad_plus",
    fit: Fit = Fit(epochs=5, batch_size=128, lr=0.05),
    bits: int = 4,
    reach: float = 0.25,
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
    return run_bounded("bounded_update", base, bounds, model, forget, retain, rng=rng, fit=fit)
