"""Building a classifier by name, from a library, a family, or a user's file; and the same architecture with fresh weights."""

import inspect
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Generator, nn
from torch.nn.parameter import UninitializedParameter

from canforget.errors import SpecError, UserCodeError, did_you_mean
from canforget.network.classifier import Architecture, Classifier, Normalize
from canforget.registry import find, plugin_module
from canforget.rng import global_stream
from canforget.user_code import a_kind, naming_user_code, place_of

LIBRARIES = ("timm", "torchvision")


def build(
    name: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    rng: Generator,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    parameters: dict[str, Any] | None = None,
) -> Classifier:
    """Returns the classifier that `name` stands for, with fresh weights from `rng` alone.

    Args:
        name: A member of `models`, `timm/<name>`, `torchvision/<name>`, `plugin/<name>`, or `my_net.py:Net` for a class in a file.
        mean: Mean of each channel as a fraction of 255 (see `channel_statistics`); pretrained nets bring their own.
        parameters: Hyperparameters of the net; for timm and torchvision also `pretrained` and `input_size` in pixels.

    Raises:
        SpecError: No such model, or no such hyperparameter.
        ArtifactError: Pretrained weights that cannot be fetched.
    """
    wanted = Architecture(name, num_classes, image_shape, mean, std, dict(parameters or {}))
    library = name.split("/")[0]
    with global_stream(rng):
        if library in LIBRARIES:
            from canforget.network.libraries import from_library

            net, wanted = from_library(library, wanted)
        elif ".py:" in name:
            net = from_file(name, num_classes, wanted.parameters)
        else:
            net = from_family(wanted, rng)
    same_size = set(image_shape[1:]) == {wanted.input_size}
    return Classifier(net, Normalize(wanted.mean, wanted.std, 0 if same_size else wanted.input_size), wanted)


def from_family(wanted: Architecture, rng: Generator) -> nn.Module:
    """The net of a member of `models` or of a plugin."""
    member = find("models", wanted.name)
    known = [p.name for p in member.parameters]
    for key in wanted.parameters:
        if key not in known:
            raise SpecError(f"{wanted.name} has no hyperparameter '{key}'{did_you_mean(key, known)} (canforget list models {wanted.name})")
    net: nn.Module = member.load()(wanted.num_classes, wanted.image_shape, rng=rng, **wanted.parameters)
    return net


def from_file(name: str, num_classes: int, parameters: dict[str, Any]) -> nn.Module:
    """The net that the class or function `Net` of `my_net.py:Net` makes, told `num_classes` when it takes that."""
    path, _, attribute = name.rpartition(":")
    if not Path(path).is_file():
        raise SpecError(f"{name}: no such file as {path}")
    make = getattr(plugin_module(Path(path).resolve()), attribute, None)
    if not callable(make):
        raise SpecError(f"{name}: {path} defines no '{attribute}'")
    if isinstance(make, nn.Module):
        raise SpecError(f"{name}: '{attribute}' is a network already; name its class, or a function that makes it")
    place = place_of(make, Path(path))
    with naming_user_code(f"'{attribute}' cannot be made: it", Path(path), otherwise=place):
        takes = inspect.signature(make).parameters
        net = make(**({"num_classes": num_classes} if "num_classes" in takes else {}), **parameters)
    if not isinstance(net, nn.Module):
        raise UserCodeError(f"{place}: '{attribute}' made {a_kind(net)}, and an nn.Module is wanted")
    return trainable(net, f"{place}: '{attribute}'")


def trainable(net: nn.Module, who: str) -> nn.Module:
    """The net, if it has weights, all of them made and held as float32."""
    parameters = dict(net.named_parameters())
    if not parameters:
        raise UserCodeError(f"{who} has no parameters, so there is nothing to train; register them as nn.Parameter or nn.Module")
    for name, parameter in parameters.items():
        if isinstance(parameter, UninitializedParameter):
            raise UserCodeError(f"{who} has a lazy layer ('{name}'), whose shape is not known yet; give its sizes")
        if parameter.is_complex() or parameter.dtype in (torch.float16, torch.bfloat16, torch.float64):
            raise UserCodeError(f"{who} keeps '{name}' as {str(parameter.dtype).removeprefix('torch.')}; keep weights as float32")
    return net


def fresh(model: nn.Module, rng: Generator) -> nn.Module:
    """Returns the same architecture with every parameter and buffer as before any training: weights drawn from `rng` alone.

    A classifier that knows its architecture is built again (a pretrained one starts from the same pretrained weights, as the original
    did); a user's own module is copied and each of its modules told to `reset_parameters`.

    Raises:
        SpecError: A module holds parameters or buffers of its own and has no `reset_parameters`; give it one.
    """
    if isinstance(model, Classifier) and model.architecture is not None:
        a = model.architecture
        built = build(a.name, a.num_classes, a.image_shape, rng=rng, mean=a.mean, std=a.std, parameters=a.parameters)
        return like(built, model)
    copy = deepcopy(model)
    stuck = [name or type(module).__name__ for name, module in copy.named_modules() if not resettable(module)]
    if stuck:
        raise SpecError(f"fresh: no reset_parameters() to draw new weights with: {', '.join(stuck)}; define it, or name an architecture")
    with global_stream(rng):
        for module in copy.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return copy


def resettable(module: nn.Module) -> bool:
    """Whether a module's own parameters and buffers can be made fresh: it can reset them, has none, or is the fixed normalization."""
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return not own or isinstance(module, Normalize) or hasattr(module, "reset_parameters")


def like(built: nn.Module, model: nn.Module) -> nn.Module:
    """`built`, on the device and in the mode of `model`."""
    device = next(model.parameters()).device
    return built.to(device).train(model.training)
