"""Relabelling: labels drawn at random from all classes, or from the wrong ones only."""

import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images


def class_count(model: nn.Module, images: Images) -> int:
    """Returns the number of classes that `model` tells apart: the width of its logits."""
    mode = model.training
    with torch.no_grad():
        width = model.eval()(images.x[:1]).shape[1]
    model.train(mode)
    return int(width)


def random_classes(y: Tensor, classes: int, rng: Generator) -> Tensor:
    """Returns labels [n] drawn evenly from all `classes`, so that one in `classes` is the true one."""
    return torch.randint(classes, y.shape, generator=rng).to(y.device)


def wrong_classes(y: Tensor, classes: int, rng: Generator) -> Tensor:
    """Returns labels [n] drawn evenly from the classes that differ from `y`.

    >>> y = torch.arange(3).repeat(20)
    >>> bool((wrong_classes(y, 3, torch.Generator().manual_seed(0)) == y).any())
    False
    """
    return (y + 1 + torch.randint(classes - 1, y.shape, generator=rng).to(y.device)) % classes
