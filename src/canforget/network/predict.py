"""A model and images in, predictions out: the one place where a trained model is asked, once per set of images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.evaluation.evidence import Predictions
from canforget.network.compatibility import check_logits, name_of
from canforget.network.freed_memory import freed_memory_kept
from canforget.user_code import naming_user_code


def predict(
    model: nn.Module,
    images: Images,
    *,
    batch_size: int = 512,
    precision: Literal["float32", "bfloat16"] = "float32",
    features: bool = False,
) -> Predictions:
    """Returns the model's float32 logits on `images`, in their order, in evaluation mode; the model is left as it was.

    `features` keeps the inputs of the last linear layer too, as float16. The batch size only decides speed and memory: logits differ
    by float rounding at most. bfloat16 is about twice as fast on a CPU that has it, and keeps 8 bits of each product's factors: good
    for choosing among settings, not for audits, whose scores rest on small differences.
    """
    device = next((t.device for t in [*model.parameters(), *model.buffers()]), images.x.device)
    logits: list[Tensor] = []
    cast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    layer = last_linear(model) if features else None
    with freed_memory_kept(), evaluating(model), inputs_of(layer) as seen, torch.no_grad(), cast:
        for x, _ in images.batches(batch_size):
            with naming_user_code(f"{name_of(model)}:"):
                found = model(x.to(device).contiguous(memory_format=torch.channels_last))
            check_logits(found, model, len(x), None, 0)
            logits.append(found.float().cpu())
    kept = torch.cat(seen).numpy() if features and seen else None
    classified = torch.cat(logits) if logits else torch.empty(0, 0)
    return Predictions(classified.numpy(), images.y.cpu().numpy(), images.ids.cpu().numpy(), kept)


def predict_views(model: nn.Module, views: Mapping[str, Images], *, features: bool = False) -> dict[str, Predictions]:
    """Returns the predictions on every view that has images, each image predicted once; features on all views but val."""
    return {name: predict(model, images, features=features and name != "val") for name, images in views.items() if len(images)}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Puts the model in evaluation mode for the block, then each of its modules back in the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def last_linear(model: nn.Module) -> nn.Module:
    """The last linear layer of `model`, whose inputs are its features."""
    found = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise SpecError("predict: no linear layer, so no features to keep; ask without features")
    return found[-1]


@contextmanager
def inputs_of(layer: nn.Module | None) -> Iterator[list[Tensor]]:
    """Collects, as float16 on the CPU, what `layer` is given inside the block."""
    seen: list[Tensor] = []
    if layer is None:
        yield seen
        return
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().flatten(1).half().cpu()))
    try:
        yield seen
    finally:
        handle.remove()


def fraction_correct(model: nn.Module, images: Images, batch_size: int = 512) -> float:
    """Returns the fraction of `images` that `model`, in eval mode, classifies as labelled, in [0, 1]; leaves its mode as it was."""
    mode = model.training
    model.eval()
    with torch.no_grad():
        correct = sum(int((model(x).argmax(dim=1) == y).sum()) for x, y in images.batches(batch_size))
    model.train(mode)
    return correct / len(images)
