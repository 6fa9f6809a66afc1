"""MSG, masked small gradients: reinitialize the convolution weights of smallest gradient difference, finetune the rest slowly."""

from copy import deepcopy

import torch
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Fraction
from canforget.network.build import fresh
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.importance import Weights, largest, mean_gradient
from canforget.unlearning.layers import convolutions_of
from canforget.unlearning.requirements import require_images


@component(paper="Cadet et al. 2024, https://arxiv.org/abs/2410.01276", version=1, needs_retain=True, rebuilds=True)
def msg(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=5, batch_size=64, lr=1e-3, weight_decay=5e-4),
    redrawn: Fraction = 0.3,
    slowdown: Fraction = 0.1,
) -> nn.Module:
    """Returns a copy of `model` with the fraction `redrawn` of its convolution weights drawn anew, then finetuned on `retain`.

    Drawn anew are the weights of smallest |mean gradient on as many retain images - mean gradient on `forget`|, ranked over all
    convolutions together; the gradients of the other convolution weights are multiplied by `slowdown`.

    Raises:
        SpecError: the model has next to no convolutions.

    Source: "Masked Small Gradients" of the NeurIPS 2023 challenge, as described there. Deviation: frozen weights are left out.
    """
    require_images("msg", forget=forget, retain=retain)
    unlearned, drawn = deepcopy(model), fresh(model, rng)
    fast = smallest_gradients(model, forget, retain, redrawn, rng)
    with torch.no_grad():
        for name, mask in fast.items():
            weight = unlearned.get_parameter(name)
            weight.copy_(torch.where(mask, drawn.get_parameter(name), weight))

    def slow(model: nn.Module) -> None:
        for name, mask in fast.items():
            gradient = model.get_parameter(name).grad
            if gradient is not None:
                gradient.mul_(torch.where(mask, 1.0, slowdown))

    for epoch in passes(fit, unlearned, rng, gradients=slow):
        epoch.descend(lambda x, y: cross_entropy(unlearned(x), y), retain)
    return unlearned


def smallest_gradients(model: nn.Module, forget: Images, retain: Images, fraction: float, rng: Generator) -> Weights:
    """The mask of the convolution weights of smallest difference between the mean gradients of both sets."""
    sample = retain[torch.randperm(len(retain), generator=rng)[: len(forget)].to(retain.x.device)]
    lost, kept = (mean_gradient(model, images) for images in (forget, sample))
    kernels = [f"{name}.weight" for name, _ in convolutions_of(model, "msg")]
    return largest({n: -(kept[n] - lost[n]).abs() for n in kernels if n in lost}, fraction)
