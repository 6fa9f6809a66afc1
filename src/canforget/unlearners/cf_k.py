"""CF-k, catastrophic forgetting of the last k layers: finetune them alone on the retain set."""

from copy import deepcopy

from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import Width
from canforget.registry import component
from canforget.training.loop import Fit
from canforget.unlearning.layers import last_layers, train_only_
from canforget.unlearning.requirements import require_images


@component(paper="Goel et al. 2022, https://arxiv.org/abs/2201.06640", version=1, needs_retain=True)
def cf_k(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=256, lr=0.01, weight_decay=5e-4),
    layers: Width = 2,
) -> nn.Module:
    """Returns a copy of `model` whose last `layers` weight layers were trained further on `retain`; all before them is bit-identical.

    A layer is a weight matrix or kernel with its bias and the norm behind it, in the order of registration.

    Source: section 3. Deviation: the paper counts the blocks of its networks; layers can be counted in any.
    """
    require_images("cf_k", retain=retain)
    unlearned = deepcopy(model)
    return train_only_(unlearned, last_layers(model, layers, "cf_k"), retain, rng=rng, fit=fit)
