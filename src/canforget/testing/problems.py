"""The small problems that `check_unlearner` tries a method on: two nets, images of twelve classes, and what is to be forgotten."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from canforget.data.images import Images, together
from canforget.network.classifier import Classifier, Normalize
from canforget.rng import generator, global_stream
from canforget.training.loop import Fit, train_
from canforget.unlearning.labels import wrong_classes

CLASSES, PER_CLASS, SIDE = 12, 30, 8
Net = Literal["convolutions", "attention"]


@dataclass(frozen=True)
class Problem:
    """A trained model, what it is to forget and what to keep."""

    name: str
    model: nn.Module
    forget: Images
    retain: Images


class Attention(nn.Module):
    """A vision transformer of one block: patches of 4 x 4, LayerNorm, two heads, dropout."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, stride=4)
        self.places = nn.Embedding((SIDE // 4) ** 2, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places.weight
        q, k, v = self.qkv(self.before(tokens)).unflatten(2, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        tokens = tokens + self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        logits: Tensor = self.head((tokens + self.mlp(self.between(tokens))).mean(dim=1))
        return logits


def convolutional_net() -> nn.Module:
    """Two convolutions with BatchNorm and two linear layers with dropout between them."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 64),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(64, CLASSES),
    )


@cache
def images() -> Images:
    """Noisy copies of one random pattern per class, in random order."""
    rng = generator("check images")
    patterns = torch.randint(40, 216, (CLASSES, 1, SIDE, SIDE), generator=rng)
    y = torch.arange(CLASSES).repeat(PER_CLASS)
    noise = torch.randn(len(y), 1, SIDE, SIDE, generator=rng) * 40
    return Images.of((patterns[y] + noise).clamp(0, 255).byte(), y)


def mislabelled(net: Net) -> Problem:
    """One image in twenty was learned with a wrong label, and is to be forgotten."""
    return untouched(memorized(net, "mislabelled"))


def whole_class(net: Net) -> Problem:
    """Class 0 is to be forgotten."""
    return untouched(memorized(net, "whole class"))


def untouched(problem: Problem) -> Problem:
    """The problem with a model of its own, so that a method that changes its argument spoils nothing."""
    return replace(problem, model=deepcopy(problem.model))


@cache
def memorized(net: Net, kind: Literal["mislabelled", "whole class"]) -> Problem:
    """A problem and a model that has learned both its sets by heart, or nearly."""
    every, rng = images(), generator(f"check {kind} {net}")
    if kind == "mislabelled":
        count = len(every) // 20
        forget, retain = every[:count], every[count:]
        forget = Images(forget.x, wrong_classes(forget.y, CLASSES, rng), forget.ids)
    else:
        forget, retain = every[every.y == 0], every[every.y != 0]
    with global_stream(rng):
        model = Classifier(convolutional_net() if net == "convolutions" else Attention(), Normalize((0.5,), (0.25,)))
    fit = Fit(epochs=40, batch_size=64, lr=4e-3, optimizer="adam", schedule="triangle", warmup=0.1, precision="float32")
    train_(model, together(forget, retain), rng=rng, fit=fit).zero_grad()
    return Problem(f"{kind}, {net}", model, forget, retain)


def edge_cases() -> Iterator[Problem]:
    """A single image, several classes at once, no retain images, nothing to forget."""
    many, one = mislabelled("convolutions"), whole_class("convolutions")
    every = together(one.forget, one.retain)
    yield Problem("a single image", many.model, many.forget[:1], together(many.forget[1:], many.retain))
    yield Problem("two whole classes", one.model, every[every.y < 2], every[every.y >= 2])
    yield Problem("no retain images", one.model, one.forget, one.retain[:0])
    yield Problem("nothing to forget", one.model, one.forget[:0], one.retain)
