"""The one training loop: `passes` hands out epochs, an epoch steps down a loss; training, unlearning and QAT all go through it."""

import math
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW, Optimizer

from canforget.augment import augmentation
from canforget.errors import DivergedError, SpecError
from canforget.hyper import Fit
from canforget.images import Images
from canforget.progress import advance
from canforget.rng import global_stream

__all__ = ["Epoch", "Fit", "finite", "frozen", "passes", "train_"]

Loss = Callable[[Tensor, Tensor], Tensor]
Hook = Callable[[nn.Module], None]


@dataclass
class Epoch:
    """One pass of a training: `descend` goes down a loss over a set of images, `step` takes a single step; both follow the schedule."""

    number: int
    fit: Fit
    model: nn.Module
    optimizer: Optimizer
    rng: Generator
    mask: Mapping[str, Tensor] = field(default_factory=dict)
    gradients: Hook | None = None

    def descend(self, loss: Loss, images: Images, batch_size: int | None = None) -> None:
        """Takes one step down `loss(x, y)` for every shuffled batch of `images`."""
        for x, y in self.batches(images, batch_size):
            self.step(lambda x=x, y=y: loss(x, y))  # type: ignore[misc]

    def batches(self, images: Images, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled, augmented batches of `images`; the learning rate moves along the schedule with them."""
        size = batch_size or self.fit.batch_size
        count = math.ceil(len(images) / size)
        for place, batch in enumerate(images.batches(size, self.rng, augmentation(self.fit, self.rng))):
            done = (self.number + place / count) / self.fit.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.fit.lr * schedule(self.fit, done)
            advance(done)
            yield batch

    def step(self, loss: Callable[[], Tensor]) -> None:
        """Takes one step of the optimizer down the value that `loss()` returns; weights outside the mask stay bit-identical."""
        device = next(self.model.parameters()).device
        with torch.autocast(device.type, torch.bfloat16, enabled=half(self.fit, device)):
            value = loss()
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        if self.gradients is not None:
            self.gradients(self.model)
        if self.fit.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.fit.clip)
        kept = {name: self.model.get_parameter(name).detach().clone() for name in self.mask}
        self.optimizer.step()
        with torch.no_grad():
            for name, before in kept.items():
                parameter = self.model.get_parameter(name)
                parameter.copy_(torch.where(self.mask[name], parameter, before))


def passes(fit: Fit, model: nn.Module, rng: Generator, *, mask: Mapping[str, Tensor] | None = None, gradients: Hook | None = None) -> Iterator[Epoch]:
    """Yields the epochs of a training of `model`, in place: in train mode, with one optimizer, from the streams of `rng` alone.

    `mask` (by parameter name, True = may change) keeps the rest bit-identical whatever momentum and weight decay say; `gradients(model)`
    may edit the gradients before every step. Ends in eval mode. Raises `DivergedError` when a weight is no longer finite.
    """
    optimizer = optimizer_of(fit, model)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with global_stream(rng):
        try:
            for number in range(fit.epochs):
                model.train()
                yield Epoch(number, fit, model, optimizer, rng, mask or {}, gradients)
                finite(model, f"after epoch {number + 1} of {fit.epochs} at lr {fit.lr}")
        finally:
            model.eval()


def train_(model: nn.Module, images: Images, *, rng: Generator, fit: Fit, loss: Loss | None = None, val: Images | None = None) -> nn.Module:
    """Trains `model` on `images` in place and returns it, with the best weights on `val` when `fit.patience` asks for it."""

    def smoothed(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y, label_smoothing=fit.label_smoothing)

    for epoch in passes(fit, model, rng):
        epoch.descend(loss or smoothed, images)
    return model


def schedule(fit: Fit, done: float) -> float:
    """Returns the learning rate as a fraction of its peak when the fraction `done` of training is over.

    >>> [schedule(Fit(schedule="triangle", warmup=0.5), t) for t in (0.25, 0.5, 0.75)]
    [0.5, 1.0, 0.5]
    """
    if done < fit.warmup:
        return done / fit.warmup
    rest = (done - fit.warmup) / (1 - fit.warmup)
    match fit.schedule:
        case "triangle":
            return 1 - rest
        case "cosine":
            return (1 + math.cos(math.pi * rest)) / 2
        case "step":
            return 1.0 if rest < 0.5 else 0.1 if rest < 0.75 else 0.01
    return 1.0


def optimizer_of(fit: Fit, model: nn.Module) -> Optimizer:
    """The optimizer that `fit` names, over the parameters of `model` that may change."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise SpecError("fit: every parameter of the model is frozen; nothing can be trained")
    match fit.optimizer:
        case "adam":
            return Adam(parameters, lr=fit.lr, weight_decay=fit.weight_decay)
        case "adamw":
            return AdamW(parameters, lr=fit.lr, weight_decay=fit.weight_decay)
    return SGD(parameters, lr=fit.lr, momentum=fit.momentum, weight_decay=fit.weight_decay, nesterov=fit.nesterov)


def half(fit: Fit, device: torch.device) -> bool:
    """Whether to compute in bfloat16: as `fit.precision` says, and by "auto" where the device is faster with it."""
    if fit.precision == "auto":
        return torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return fit.precision == "bfloat16"


def frozen(model: nn.Module) -> nn.Module:
    """A copy of `model` in eval mode that no gradient flows into."""
    return deepcopy(model).eval().requires_grad_(False)


def finite(model: nn.Module, when: str) -> nn.Module:
    """Returns `model`; raises `DivergedError` when one of its weights or buffers is NaN or infinite."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DivergedError(f"diverged: '{name}' is not finite {when}; lower the learning rate or clip the gradients")
    return model
