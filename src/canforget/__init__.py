"""canforget: can a vision model forget, and does quantization bring the forgotten back?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from canforget.registry import component

if TYPE_CHECKING:
    from canforget.artifact import load, save
    from canforget.classifier import wrap
    from canforget.hyper import Fit
    from canforget.images import Images, Split
    from canforget.pipeline import evaluate, open_split, quantize, split_of, train, unlearn
    from canforget.store import Store
    from canforget.studies import run_study
    from canforget.study import Study
    from canforget.testing import check_unlearner

__version__ = "0.1.0"

__all__ = [
    "Fit",
    "Images",
    "Split",
    "Store",
    "Study",
    "check_unlearner",
    "component",
    "evaluate",
    "load",
    "open_split",
    "quantize",
    "run_study",
    "save",
    "split_of",
    "train",
    "unlearn",
    "wrap",
]

HOMES = {
    "artifact": ("load", "save"),
    "classifier": ("wrap",),
    "hyper": ("Fit",),
    "images": ("Images", "Split"),
    "pipeline": ("evaluate", "open_split", "quantize", "split_of", "train", "unlearn"),
    "store": ("Store",),
    "studies": ("run_study",),
    "study": ("Study",),
    "testing": ("check_unlearner",),
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is asked for."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"canforget.{module}"), name)
    raise AttributeError(f"module 'canforget' has no attribute '{name}'")
