"""Choosing between states of a model without a test set: a part carved out of what the method may see, and the accuracy on it."""

import torch
from torch import Generator, nn

from canforget.data.images import Images


def carve(images: Images, fraction: float, rng: Generator) -> tuple[Images, Images]:
    """Returns (the rest, a random part of `fraction`, at least one image); a set of one image is both, for it cannot be split."""
    if len(images) < 2:
        return images, images
    order = torch.randperm(len(images), generator=rng).to(images.x.device)
    count = max(1, round(fraction * len(images)))
    return images[order[count:]], images[order[:count]]


def fraction_correct(model: nn.Module, images: Images, batch_size: int = 512) -> float:
    """Returns the fraction of `images` that `model`, in eval mode, classifies as labelled, in [0, 1]; leaves its mode as it was."""
    mode = model.training
    model.eval()
    with torch.no_grad():
        correct = sum(int((model(x).argmax(dim=1) == y).sum()) for x, y in images.batches(batch_size))
    model.train(mode)
    return correct / len(images)
