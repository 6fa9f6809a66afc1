"""Whether a model takes these images and knows these classes: found out on two images, before anything is computed."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split
from canforget.errors import ArtifactError, CanforgetError, UserCodeError
from canforget.network.classifier import Architecture
from canforget.user_code import a_kind, error_line, is_users, memory_ran_out, naming_user_code, shown


def require_fits(model: nn.Module, data: Split | Images, *, num_classes: int | None = None, training: bool = False) -> None:
    """Raises unless `model` takes the images of `data` and puts out one logit for each of its classes; leaves it as it was.

    Args:
        num_classes: How many; default: the split's, or for images at least one more than their largest label.
        training: Whether to try it in training mode, too, in which a network of the user's own may do something else.

    Raises:
        ArtifactError: Other channels, an image size that the network cannot take, or another number of classes.
        UserCodeError: A network of the user's own that raises, calls `exit()`, or returns something else than logits [n, classes].
    """
    images = some(data)
    if images is None:
        return
    wanted = num_classes if num_classes is not None or isinstance(data, Images) else data.num_classes
    check_architecture_fits(getattr(model, "architecture", None), images, wanted)
    check_channels(model, images)
    try_out(model, images.x[:], wanted, int(images.y.max()) + 1)
    if training:
        try_out(deepcopy(model), images.x[:], wanted, int(images.y.max()) + 1, training=True)


def some(data: Split | Images) -> Images | None:
    """Two images of a set (one twice where there is but one), or None where there is none at all."""
    sets = [data] if isinstance(data, Images) else [data.retain, data.forget, data.test]
    found = next((images for images in sets if len(images)), None)
    return None if found is None else found[torch.tensor([0, len(found) - 1], device=found.x.device)]


def check_architecture_fits(known: Any, images: Images, num_classes: int | None) -> None:
    """Compares what a model says of itself with the images."""
    if not isinstance(known, Architecture):
        return
    if known.image_shape[0] != images.x.shape[1]:
        raise ArtifactError(
            f"{known.name} was made for images of {sizes(known.image_shape)}, and these are of {sizes(images.x.shape[1:])}; {OTHER_DATA}"
        )
    if num_classes is not None and known.num_classes != num_classes:
        raise ArtifactError(f"{known.name} knows {known.num_classes} classes, and this data set has {num_classes}; {OTHER_DATA}")


OTHER_DATA = "name the data set that it was trained on (--dataset)"


def check_channels(model: nn.Module, images: Images) -> None:
    """Refuses grey images for a normalization of three channels, and the reverse: they would be spread over the channels in silence."""
    mean = getattr(getattr(model, "normalize", None), "mean", None)
    if isinstance(mean, Tensor) and mean.numel() not in (1, images.x.shape[1]):
        raise ArtifactError(
            f"{name_of(model)} normalizes {mean.numel()} channels, and these images are of {sizes(images.x.shape[1:])}; {OTHER_DATA}"
        )


def try_out(model: nn.Module, x: Tensor, num_classes: int | None, labels: int, *, training: bool = False) -> None:
    """Asks the model for the logits of two images, in a mode, with the global random state put back; complains of what it puts out."""
    model = getattr(model, "simulated", model)
    device = next((t.device for t in [*model.parameters(), *model.buffers()]), x.device)
    modes = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), naming_user_code(f"{name_of(model)}:"):
            logits = model(x.to(device))
    except CanforgetError:
        raise
    except Exception as problem:
        if memory_ran_out(problem):
            raise ArtifactError(f"{name_of(model)} could not be asked: it {error_line(problem)}; free memory, then run again") from problem
        raise ArtifactError(
            f"{name_of(model)} cannot take images of {sizes(x.shape[1:])}: it {error_line(problem)}; {OTHER_DATA}"
        ) from problem
    finally:
        for module, mode in modes.items():
            module.training = mode
    check_logits(logits, model, len(x), num_classes, labels)


def check_logits(logits: Any, model: nn.Module, images: int, num_classes: int | None, labels: int) -> None:
    """Refuses an output that is no tensor of logits, or of another number of images or classes."""
    if not isinstance(logits, Tensor):
        raise UserCodeError(f"{where_from(model)} returned {a_kind(logits)}, and logits [images, classes] are wanted; return them alone")
    if logits.ndim != 2 or len(logits) != images or not logits.is_floating_point():
        found = f"{str(logits.dtype).removeprefix('torch.')} {list(logits.shape)}"
        raise UserCodeError(f"{where_from(model)} returned {found} for {images} images, and float logits [{images}, classes] are wanted")
    classes = logits.shape[1]
    if (num_classes is not None and classes != num_classes) or classes < labels:
        raise ArtifactError(f"{name_of(model)} knows {classes} classes, and this data set has {num_classes or labels}; {OTHER_DATA}")


def name_of(model: nn.Module) -> str:
    """A model's name for people: its architecture's, else its class's."""
    known = getattr(model, "architecture", None)
    return known.name if isinstance(known, Architecture) else type(getattr(model, "net", model)).__name__


def where_from(model: nn.Module) -> str:
    """The user's file and line that define the forward pass of a network, with its name; the name alone for networks of ours."""
    net = getattr(model, "net", model)
    code = getattr(type(net).forward, "__code__", None)
    return f"{shown(code.co_filename)}:{code.co_firstlineno}: {name_of(model)}" if code and is_users(code.co_filename) else name_of(model)


def sizes(shape: Any) -> str:
    """Sizes as one writes them.

    >>> sizes((3, 32, 32))
    '3 x 32 x 32 pixels'
    """
    return f"{' x '.join(map(str, shape))} pixels"
