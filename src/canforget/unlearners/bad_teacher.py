"""Bad teacher: distill a randomly initialized teacher on the forget set and the original model on the retain set."""

from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images, together
from canforget.hyperparameters import Positive, Share
from canforget.network.build import fresh
from canforget.network.weights import frozen
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.losses import divergence
from canforget.unlearning.requirements import require_images


@component(paper="Chundawat et al. 2023, https://arxiv.org/abs/2205.08096", version=1)
def bad_teacher(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=1, batch_size=256, lr=1e-4, optimizer="adam"),
    retain_fraction: Share = 0.3,
    temperature: Positive = 1.0,
) -> nn.Module:
    """Returns a copy of `model` taught by a random model on `forget` and by `model` on a random `retain_fraction` of `retain`.

    Both lessons are mixed in every batch; labels are never used. Works without retain images.

    Source: equations 1 and 2. Deviations: the divergence is summed over classes and averaged over samples, where the released code
    averages over all entries, which makes it smaller by the number of classes; and it is multiplied by `temperature`², which the
    released code leaves out, so that gradients are alike at any temperature (at the default of 1 nothing differs).
    """
    require_images("bad_teacher", forget=forget)
    student, competent, ignorant = deepcopy(model), frozen(model), frozen(fresh(model, rng))
    kept = retain[torch.randperm(len(retain), generator=rng)[: round(retain_fraction * len(retain))].to(retain.x.device)]

    def taught(x: Tensor, forgotten: Tensor) -> Tensor:
        lesson = torch.where(forgotten[:, None] == 1, ignorant(x).float(), competent(x).float())
        return divergence(student(x), lesson, temperature)

    for epoch in passes(fit, student, rng):
        epoch.descend(taught, together(flagged(forget, 1), flagged(kept, 0)))
    return student


def flagged(images: Images, flag: int) -> Images:
    """The images with `flag` in the place of every label: which teacher speaks."""
    return Images(images.x, torch.full_like(images.y, flag), images.ids)
