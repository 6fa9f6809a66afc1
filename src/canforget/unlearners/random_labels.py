"""Random labels: train on the forget set with randomly drawn labels, then on the retain set."""

from copy import deepcopy

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.labels import class_count, random_classes
from canforget.unlearning.requirements import require_images


@component(paper="Golatkar et al. 2020, https://arxiv.org/abs/1911.04933", version=1)
def random_labels(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=256, lr=0.013, weight_decay=5e-4),
) -> nn.Module:
    """Returns a copy of `model` that, every epoch, descended the cross-entropy of `forget` with random labels, then that of `retain`.

    The labels are drawn anew for every batch from all classes, the true one among them. Works without retain images.

    Source: the released code of Fan et al. 2024 for CIFAR-10, https://arxiv.org/abs/2310.12508, where it is the baseline "RL".
    Its loaders crop by 4 pixels and mirror; here `fit.crop` and `fit.flip` do, and are off.
    """
    require_images("random_labels", forget=forget)
    unlearned, classes = deepcopy(model), class_count(model, forget)

    def confuse(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), random_classes(y, classes, rng))

    def remember(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), y)

    for epoch in passes(fit, unlearned, rng):
        epoch.descend(confuse, forget)
        epoch.descend(remember, retain)
    return unlearned
