"""SSD: dampen, in closed form, the weights that matter far more to the forget set than to everything."""

from copy import deepcopy
from typing import Literal

import torch
from torch import Generator, nn

from canforget.demands import needs
from canforget.errors import DataError
from canforget.fit import finite
from canforget.images import Images
from canforget.importance import Weights, importance
from canforget.registry import component


@component(paper="Foster et al. 2024, https://arxiv.org/abs/2308.07707", version=1)
def ssd(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    alpha: float = 10.0,
    dampening: float = 1.0,
    reference: Literal["all", "retain"] = "all",
    per_sample: bool = True,
    batch_size: int = 64,
) -> nn.Module:
    """Returns a copy of `model` whose weights with I_forget > `alpha` * I are multiplied by min(1, `dampening` * I / I_forget).

    I_forget and I are diagonal Fisher informations in eval mode, on `forget` and on the `reference`: forget and retain set together,
    or the retain set. Against "all" I_forget / I cannot exceed n / n_forget: for one class of ten choose `alpha` well below 10.

    Raises:
        DataError: no weight stands out so far; lower `alpha`.

    Source: equations 4 and 5. Deviation: the released code squares the mean gradient of a batch, which depends on the batch size and on
    the order of the images; that is `per_sample=False`. Cost: one pass of single gradients over everything, no training.
    """
    needs("ssd", forget=forget, **({"retain": retain} if reference == "retain" else {}))
    share = len(forget) / (len(forget) + len(retain))
    lost = importance(model, forget, per_sample=per_sample, batch_size=batch_size, span=(0.0, share))
    kept = importance(model, retain, per_sample=per_sample, batch_size=batch_size, span=(share, 1.0))
    weight = share if reference == "all" else 0.0
    return dampened(model, lost, {n: weight * lost[n] + (1 - weight) * kept[n] for n in lost}, alpha, dampening)


def dampened(model: nn.Module, lost: Weights, general: Weights, alpha: float, dampening: float) -> nn.Module:
    """A copy of `model` with the weights that matter more to the forgotten, by `alpha`, scaled down in proportion."""
    unlearned = deepcopy(model).eval()
    chosen = {name: lost[name] > alpha * general[name] for name in lost}
    if not any(bool(c.any()) for c in chosen.values()):
        most = max(float((lost[n] / general[n].clamp_min(1e-30)).max()) for n in lost)
        raise DataError(f"ssd: no weight matters {alpha:g} times as much to the forget set as in general (at most {most:.3g}); lower alpha")
    with torch.no_grad():
        for name, mask in chosen.items():
            factor = (dampening * general[name] / lost[name]).clamp(max=1.0)
            weights = unlearned.get_parameter(name)
            weights.copy_(torch.where(mask, weights * factor, weights))
    return finite(unlearned, "after dampening")
