"""Nets of timm and torchvision by name: their input size, their pretrained weights, a head for our classes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from canforget.errors import ArtifactError, SpecError, did_you_mean

if TYPE_CHECKING:
    from canforget.network.classifier import Architecture


AUXILIARY: dict[str, dict[str, Any]] = {name: {"aux_logits": False} for name in ("googlenet", "inception_v3")}
"""Nets of torchvision with heads for training alone, which answer with three sets of logits there: taken without these heads."""


class Repeat(nn.Module):
    """Hands one grey channel on as three."""

    def forward(self, x: Tensor) -> Tensor:
        return x.expand(-1, 3, -1, -1)


def from_library(library: str, wanted: "Architecture") -> tuple[nn.Module, "Architecture"]:
    """Returns the net that the library makes, and the architecture with what the library decides filled in.

    `parameters` may hold `pretrained` (False) and `input_size` in pixels (default: the library's own; 0 leaves images as they are);
    the rest goes to the library. A pretrained net keeps the normalization it was trained with.

    Raises:
        SpecError: The library is not installed, or has no such model.
        ArtifactError: Pretrained weights that cannot be fetched.
    """
    rest = {k: v for k, v in wanted.parameters.items() if k not in ("pretrained", "input_size")}
    pretrained = bool(wanted.parameters.get("pretrained", False))
    try:
        net, about = (from_timm if library == "timm" else from_torchvision)(wanted, pretrained, rest)
    except ImportError:
        raise SpecError(f"{wanted.name}: {library} is not installed (pip install 'canforget[vision]')") from None
    except TypeError as problem:
        raise SpecError(f"{wanted.name}: {library} does not take these hyperparameters: {problem}") from None
    size = int(wanted.parameters.get("input_size", about["size"]))
    if pretrained and wanted.image_shape[0] == 3:
        wanted = replace(wanted, mean=tuple(about["mean"]), std=tuple(about["std"]))
    return net, replace(wanted, input_size=size)


def from_timm(wanted: "Architecture", pretrained: bool, rest: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """A timm net for our channels and classes, and its size and normalization."""
    import timm

    name = wanted.name.removeprefix("timm/")
    known = timm.list_models()
    if name.split(".")[0] not in known and not name.startswith(("hf-hub:", "local-dir:")):
        raise SpecError(f"timm has no model '{name}'{did_you_mean(name, known)}")
    try:
        shape: dict[str, Any] = {"num_classes": wanted.num_classes, "in_chans": wanted.image_shape[0]}
        if (asked := wanted.parameters.get("input_size")) and timm.get_pretrained_cfg_value(name, "fixed_input_size"):
            shape["img_size"] = asked
        net: Any = timm.create_model(name, pretrained=pretrained, **shape, **rest)
    except (OSError, RuntimeError) as problem:
        raise unavailable(wanted.name, problem) from None
    config: dict[str, Any] = net.pretrained_cfg
    size = rest.get("img_size") or config["input_size"][-1]
    return net, {"size": size, "mean": config["mean"], "std": config["std"]}


def from_torchvision(wanted: "Architecture", pretrained: bool, rest: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """A torchvision net for our classes (a grey channel is repeated), and its size and normalization."""
    from torchvision import models

    name = wanted.name.removeprefix("torchvision/")
    known = models.list_models(module=models)
    if name not in known:
        raise SpecError(f"torchvision has no model '{name}'{did_you_mean(name, known)}")
    weights = models.get_model_weights(name).DEFAULT
    about = weights.transforms()
    if (asked := wanted.parameters.get("input_size")) and name.startswith("vit_"):
        rest = {"image_size": asked} | rest
    if name in AUXILIARY:
        rest = AUXILIARY[name] | ({} if pretrained else {"init_weights": True}) | rest
    try:
        net = models.get_model(name, **({"weights": weights} if pretrained else {"num_classes": wanted.num_classes}), **rest)
    except (OSError, RuntimeError) as problem:
        raise unavailable(wanted.name, problem) from None
    if pretrained:
        new_head_(net, wanted)
    size = about.crop_size[0] if isinstance(about.crop_size, list | tuple) else about.crop_size
    return (nn.Sequential(Repeat(), net) if wanted.image_shape[0] == 1 else net), {"size": size, "mean": about.mean, "std": about.std}


def new_head_(net: nn.Module, wanted: "Architecture") -> None:
    """Replaces the last linear layer of `net` by a fresh one for our classes."""
    linear = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise SpecError(f"{wanted.name}: no linear last layer to replace; take it without pretrained weights")
    name, last = linear[-1]
    parent, _, attribute = name.rpartition(".")
    setattr(net.get_submodule(parent), attribute, nn.Linear(last.in_features, wanted.num_classes))


def unavailable(name: str, problem: Exception) -> ArtifactError:
    """One line for weights that could not be fetched or did not fit."""
    first = (str(problem).strip() or type(problem).__name__).splitlines()[0]
    return ArtifactError(f"{name}: its weights cannot be had ({first[:200]}); download them once while online, or set pretrained=false")
