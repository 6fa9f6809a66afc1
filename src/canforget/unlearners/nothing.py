"""No unlearning: a copy of the original model, as a control."""

from copy import deepcopy

from torch import Generator, nn

from canforget.data.images import Images
from canforget.registry import component


@component(version=1, changes=False)
def nothing(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns an identical copy of `model`: whatever an audit finds in it is what was there to be forgotten."""
    return deepcopy(model).eval()
