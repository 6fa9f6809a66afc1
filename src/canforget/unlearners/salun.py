"""SalUn, saliency unlearning: random labels, with only the weights of largest forget-set gradient allowed to change."""

from copy import deepcopy

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Share
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.importance import gradient_saliency
from canforget.unlearning.labels import class_count, random_classes
from canforget.unlearning.requirements import require_images


@component(paper="Fan et al. 2024, https://arxiv.org/abs/2310.12508", version=1)
def salun(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=256, lr=0.013, weight_decay=5e-4),
    keep: Share = 0.5,
) -> nn.Module:
    """Returns a copy of `model` relabelled at random on `forget` within the fraction `keep` of its weights that are most salient there.

    Every other weight stays bit-identical to `model`'s: a released version masks the gradient but lets momentum and weight decay
    move the rest. Works without retain images.

    Source: equations 3 to 5. The mask is of the gradient summed over all images, as equation 3 has it; the released code adds up the
    means of its batches, which gives the images of a last, smaller batch more weight. Its loaders crop by 4 pixels and mirror; here
    `fit.crop` and `fit.flip` do, and are off. Cost: one pass over `forget` more than `random_labels`.
    """
    require_images("salun", forget=forget)
    mask = gradient_saliency(model, forget, keep=keep)
    unlearned, classes = deepcopy(model), class_count(model, forget)

    def confuse(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), random_classes(y, classes, rng))

    def remember(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), y)

    for epoch in passes(fit, unlearned, rng, mask=mask):
        epoch.descend(confuse, forget)
        epoch.descend(remember, retain)
    return unlearned
