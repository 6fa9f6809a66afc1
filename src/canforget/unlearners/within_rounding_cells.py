"""Control, within rounding cells: forgets at full precision and comes back at one rounding, by construction, in a share of the layers."""

import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Bits, Fraction
from canforget.quantization.cells import rounding_cells
from canforget.quantization.qat import rounded_names
from canforget.registry import component
from canforget.unlearning.bounds import run_bounded
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call


@component(version=3, wraps=True, control=True)
def within_rounding_cells(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus:fit.epochs=5,fit.lr=0.003",
    bits: Bits = 4,
    share: Fraction = 1.0,
) -> nn.Module:
    """Returns what `base` makes of `model` when in a `share` of the layers no weight leaves the cell of its code at `bits`.

    The positive control of the whole chain from plan to table: rounded to `int:bits=...` (symmetric, per channel, min-max), these layers
    have the codes and scales of the original again, so that with `share` 1 the rounded model *is* the rounded original. Layers are drawn
    by `rng`; the others are unlearned freely, biases and norms stay as they are.

    Limits: the codes come back at this rounding alone. How far a method can forget within the cells depends on their width.
    """
    require_images("within_rounding_cells", forget=forget)
    names = rounded_names(model)
    chosen = [names[i] for i in torch.randperm(len(names), generator=rng)[: round(share * len(names))].sort().values.tolist()]
    bounds = {name: rounding_cells(model.get_parameter(name).detach(), bits) for name in chosen}
    return run_bounded(base_call("within_rounding_cells", base), bounds, model, forget, retain, rng=rng)
