"""canforget: can a vision model forget, and does quantization bring the forgotten back?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from canforget.registry import component

if TYPE_CHECKING:
    from canforget.data.images import Images, Split
    from canforget.deployment.model_file import load, save
    from canforget.fit_settings import Fit
    from canforget.network.classifier import wrap
    from canforget.pipeline import evaluate, open_split, quantize, split_of, train, unlearn
    from canforget.study.definition import Study
    from canforget.study.run import run_study
    from canforget.study.store import Store
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
    "data.images": ("Images", "Split"),
    "deployment.model_file": ("load", "save"),
    "fit_settings": ("Fit",),
    "network.classifier": ("wrap",),
    "pipeline": ("evaluate", "open_split", "quantize", "split_of", "train", "unlearn"),
    "study.run": ("run_study",),
    "study.definition": ("Study",),
    "study.store": ("Store",),
    "testing": ("check_unlearner",),
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is asked for."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"canforget.{module}"), name)
    raise AttributeError(f"module 'canforget' has no attribute '{name}'")
