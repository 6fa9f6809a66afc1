"""Control, destroyed: fresh weights that were never trained, which have forgotten everything and are good for nothing."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.network.build import fresh
from canforget.progress import advance
from canforget.registry import component


@component(version=1, fresh=True, control=True)
def destroyed(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns a model of the architecture of `model` with fresh weights: its verdict must be that utility is lost, not that it forgot."""
    advance(1.0)
    return fresh(model, rng).eval()
