"""EU-k, exact unlearning of the last k layers: reinitialize them and train them alone on the retain set."""

from copy import deepcopy

import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import Width
from canforget.network.build import fresh
from canforget.registry import component
from canforget.training.loop import Fit
from canforget.unlearning.layers import last_layers, train_only_
from canforget.unlearning.requirements import require_images


@component(paper="Goel et al. 2022, https://arxiv.org/abs/2201.06640", version=1, needs_retain=True, rebuilds=True)
def eu_k(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=182, batch_size=256, lr=0.01, weight_decay=5e-4, schedule="cosine"),
    layers: Width = 2,
) -> nn.Module:
    """Returns a copy of `model` whose last `layers` weight layers are fresh, then trained on `retain`; all before them is bit-identical.

    Parameters and statistics of these layers are drawn anew, but for those that are frozen. What is forgotten may still live in the
    layers before them.

    Source: section 3; as many epochs as the original training. Deviation: layers are counted, not the blocks of a network.
    """
    require_images("eu_k", retain=retain)
    unlearned, drawn, names = deepcopy(model), fresh(model, rng).state_dict(), last_layers(model, layers, "eu_k")
    held = {name for name, p in model.named_parameters() if not p.requires_grad}
    with torch.no_grad():
        for name, tensor in unlearned.state_dict().items():
            if name in names - held:
                tensor.copy_(drawn[name])
    return train_only_(unlearned, names, retain, rng=rng, fit=fit)
