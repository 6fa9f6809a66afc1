"""Amnesiac unlearning: train on the forget set with random wrong labels, mixed with the retain set."""

from copy import deepcopy

from torch import Generator, nn

from canforget.data.images import Images, together
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.labels import class_count, wrong_classes
from canforget.unlearning.requirements import require_images


@component(paper="Graves et al. 2021, https://arxiv.org/abs/2010.10981", version=1)
def amnesiac(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=3, batch_size=256, lr=1e-4, optimizer="adam"),
) -> nn.Module:
    """Returns a copy of `model` trained on `retain` and, mixed with it, on `forget` with labels that are never the true ones.

    Each image keeps the wrong label that it once drew. Works without retain images.

    Source: section 3.2, "unlearning" (not the logging of updates); the settings of Chundawat et al. 2023, https://arxiv.org/abs/2205.08096.
    """
    require_images("amnesiac", forget=forget)
    wrong = wrong_classes(forget.y, class_count(model, forget), rng)
    return train_(deepcopy(model), together(Images(forget.x, wrong, forget.ids), retain), rng=rng, fit=fit)
