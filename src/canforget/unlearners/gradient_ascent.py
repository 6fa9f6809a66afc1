"""Gradient ascent on the forget set, stopped as soon as nothing of it is classified as labelled."""

from copy import deepcopy

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Fraction
from canforget.network.predict import fraction_correct
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.requirements import require_images


@component(paper="Thudi et al. 2022, https://arxiv.org/abs/2109.13398", version=1)
def gradient_ascent(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=5, batch_size=256, lr=1e-4, weight_decay=5e-4),
    stop_at: Fraction = 0.0,
) -> nn.Module:
    """Returns a copy of `model` that was moved up the cross-entropy of `forget`; `retain` is never looked at.

    Ends with the first epoch after which at most the fraction `stop_at` of `forget` is still classified as labelled: a loss without
    a ceiling has no other end, and all that follows only costs utility. Meant for whole classes.

    Raises:
        DivergedError: a weight is no longer finite; lower `fit.lr` or set `fit.clip`.

    Source: the settings of Jia et al. 2023, https://arxiv.org/abs/2304.04934. Deviation: neither stops early.
    """
    require_images("gradient_ascent", forget=forget)
    climber = deepcopy(model)

    def ascent(x: Tensor, y: Tensor) -> Tensor:
        return -cross_entropy(climber(x), y)

    for epoch in passes(fit, climber, rng):
        epoch.descend(ascent, forget)
        if fraction_correct(climber, forget) <= stop_at:
            epoch.stop()
    return climber
