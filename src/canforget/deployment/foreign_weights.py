"""Weights that others wrote: safetensors of plain tensors, and pickled checkpoints read without running their code."""

import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from canforget.deployment.model_file import check_format, empty, file_tensors, fill_
from canforget.deployment.model_header import one_line
from canforget.deployment.tensor_checks import check_no_dead_layer
from canforget.errors import ArtifactError, CanforgetError
from canforget.network.classifier import Architecture, Classifier


def load_weights(path: str | Path, architecture: Architecture) -> Classifier:
    """Returns a classifier of `architecture` with the weights of a safetensors file that others wrote.

    Raises:
        ArtifactError: No such file, a pickle, truncated, or of another architecture.
    """
    path = Path(path)
    check_format(path)
    return classifier_with(architecture, file_tensors(path), str(path))


def load_pickle(path: str | Path, architecture: Architecture) -> Classifier:
    """Returns a classifier of `architecture` with the weights of a .pth or .pt file, read without running any code in it.

    Raises:
        ArtifactError: No such file, truncated, of another architecture, or with more in it than tensors (the message names what).
    """
    path = Path(path)
    if not path.is_file():
        raise ArtifactError(f"{path}: {'is a folder; name a file' if path.is_dir() else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ArtifactError(f"{path}: {offenders(path)}; save its state_dict() alone, or as .safetensors") from None
    except Exception as problem:  # a reader of damaged archives raises whatever it stumbles over
        said = one_line(str(problem) or type(problem).__name__, 120)
        raise ArtifactError(f"{path}: not a readable checkpoint ({said}); copy it again, or save model.state_dict()") from None
    return classifier_with(architecture, tensors_in(found, path), str(path))


def offenders(path: Path) -> str:
    """Which classes and functions a pickle would call."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (pickle.UnpicklingError, RuntimeError, ValueError):
        names = []
    return f"refused, for reading it would call {', '.join(sorted(names))}" if names else "refused: it holds more than tensors"


def tensors_in(found: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint: itself, or under one of the usual names; without the prefix that parallel training adds."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        held = f"a {type(found).__name__}" if not isinstance(found, dict) else f"the keys {', '.join(map(str, list(found)[:4]))}"
        raise ArtifactError(f"{path}: holds no state dict, but {held if found else 'nothing'}; save model.state_dict()")
    tensors = {str(name): tensor.detach() for name, tensor in found.items()}
    for prefix in ("module.", "_orig_mod."):
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def classifier_with(architecture: Architecture, tensors: dict[str, Tensor], where: str) -> Classifier:
    """A classifier with the tensors of a file, which may be those of the net alone; then it normalizes as the architecture says."""
    model = empty(architecture)
    try:
        fill_(model if "normalize.mean" in tensors else model.net, tensors, exact=False)
        check_no_dead_layer(model)
        if "normalize.mean" in tensors:
            mean, std = (tuple(tensors[f"normalize.{key}"].flatten().tolist()) for key in ("mean", "std"))
            model.architecture = replace(architecture, mean=mean, std=std)
    except CanforgetError as problem:
        raise ArtifactError(f"{where}: {problem}") from None
    return model.eval()
