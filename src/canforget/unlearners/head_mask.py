"""Control, head mask: the logits of the forgotten classes pushed out of reach, and nothing else changed."""

from copy import deepcopy

import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.progress import advance
from canforget.registry import component
from canforget.unlearning.labels import class_count
from canforget.unlearning.layers import head_of
from canforget.unlearning.requirements import require_whole_classes

DEPTH = 1000.0
"""How far below 0 the bias of a masked class lies: finite, so that every figure can be had, and out of reach of any logit."""


@component(version=1, control=True, whole_class_only=True, needs_retain=True)
def head_mask(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns a copy of `model` that can no longer answer a forgotten class; its features, and so what it knows, are the original's.

    What reads outputs alone calls it forgotten. Audits of features must find it.

    Raises:
        SpecError: The model does not end in a linear layer with a bias.
    """
    masked, classes = deepcopy(model).eval(), require_whole_classes("head_mask", forget, retain)
    _, head = head_of(masked, class_count(model, forget), "head_mask")
    if head.bias is None or not (head.weight.requires_grad and head.bias.requires_grad):
        raise SpecError("head_mask: the last linear layer has no bias that may change; choose another unlearner")
    with torch.no_grad():
        head.weight[classes] = 0
        head.bias[classes] = -DEPTH
    advance(1.0)
    return masked
