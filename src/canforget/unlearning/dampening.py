"""Selective dampening: scaling down the weights that matter far more to the forgotten than in general."""

from copy import deepcopy

import torch
from torch import nn

from canforget.errors import DataError
from canforget.training.loop import finite
from canforget.unlearning.importance import Weights


def dampened(model: nn.Module, lost: Weights, general: Weights, alpha: float, dampening: float, method: str) -> nn.Module:
    """Returns a copy of `model` whose weights with `lost` > `alpha` * `general` are multiplied by min(1, `dampening` * general / lost).

    Raises:
        DataError: no weight stands out so far; the message says how far the furthest does.

    Source: Foster et al. 2024, equations 4 and 5, https://arxiv.org/abs/2308.07707.
    """
    unlearned = deepcopy(model).eval()
    chosen = {name: lost[name] > alpha * general[name] for name in lost}
    if not any(bool(c.any()) for c in chosen.values()):
        most = max(float((lost[n] / general[n].clamp_min(1e-30)).max()) for n in lost)
        raise DataError(
            f"{method}: no weight matters {alpha:g} times as much to the forget set as in general (at most {most:.3g}); lower alpha"
        )
    with torch.no_grad():
        for name, mask in chosen.items():
            factor = (dampening * general[name] / lost[name]).clamp(max=1.0)
            weights = unlearned.get_parameter(name)
            weights.copy_(torch.where(mask, weights * factor, weights))
    return finite(unlearned, "after dampening")
