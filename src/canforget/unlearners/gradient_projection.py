"""Gradient-free projection: remove, in closed form, the input directions of every layer that only the forget set uses."""

from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.hyperparameters import Count, NonNegative
from canforget.network.weights import finite
from canforget.progress import advance
from canforget.registry import component
from canforget.unlearning.layers import input_moments
from canforget.unlearning.requirements import require_images


@component(paper="Kodge et al. 2024, https://arxiv.org/abs/2312.00761", version=2, needs_retain=True)
def gradient_projection(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    alpha_retain: NonNegative = 100.0,
    alpha_forget: NonNegative = 3.0,
    samples: Count = 900,
) -> nn.Module:
    """Returns a copy of `model` with W' = W (I - P_f (I - P_r))ᵀ in every linear layer and ungrouped convolution.

    P_r and P_f project softly onto the directions of the layer's inputs on `samples` retain and forget images; `alpha_retain` and
    `alpha_forget` say how softly (0: nothing, infinite: all directions that occur). The layer answers as if P_f (I - P_r), the
    forget directions without what they share with the retain directions, had been taken out of its inputs. No gradients, seconds of
    work, and a large change of the weights. Biases stay; so do frozen layers.

    Source: algorithm 1, sections 3.1 to 3.3. Inputs are rows, as in the released code (y = x Wᵀ): x (I - P) Wᵀ is x (W (I - P)ᵀ)ᵀ, hence
    the transpose, without which retain directions pass unchanged and a class is hardly forgotten. Deviations: singular vectors come
    from the second moments of all patches, not from a sample of them; the strengths are chosen by the caller, where the paper searches a
    grid of them for the highest accuracy on retained classes x error on the forgotten one.
    """
    require_images("gradient_projection", forget=forget, retain=retain)
    unlearned = deepcopy(model).eval()
    lost, kept = (input_moments(model, some(images, samples, rng)) for images in (forget, retain))
    with torch.no_grad():
        for place, name in enumerate(kept):
            weight = unlearned.get_submodule(name).get_parameter("weight")
            if weight.requires_grad:
                identity = torch.eye(len(kept[name]), dtype=torch.float64, device=weight.device)
                gone = projection(lost[name], alpha_forget) @ (identity - projection(kept[name], alpha_retain))
                weight.copy_((weight.flatten(1).double() @ (identity - gone).T).view_as(weight))
            advance((place + 1) / len(kept))
    return finite(unlearned, "after projecting")


def projection(moment: Tensor, alpha: float) -> Tensor:
    """U Λ Uᵀ with Λ = α λ / ((α - 1) λ + 1), λ the share of each direction in the energy of the inputs.

    >>> projection(torch.diag(torch.tensor([3.0, 1.0])), alpha=3.0).diagonal()
    tensor([0.9000, 0.5000])
    """
    energy, directions = torch.linalg.eigh(moment)
    share = (energy / energy.sum().clamp_min(1e-300)).clamp(0, 1)
    strength: Tensor = alpha * share / ((alpha - 1) * share + 1)
    projector: Tensor = (directions * strength) @ directions.T
    return projector


def some(images: Images, count: int, rng: Generator) -> Images:
    """At most `count` of the images, chosen at random."""
    return images[torch.randperm(len(images), generator=rng)[:count].to(images.x.device)]
