"""The training loop: epochs and optimizer steps, masks, weight averaging, mixed precision, early stopping, checkpoints."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from canforget.data.images import Images, counting_reads, note_read
from canforget.errors import DivergedError, SpecError
from canforget.fit_settings import Fit
from canforget.network.freed_memory import freed_memory_kept
from canforget.network.weights import finite, frozen, still
from canforget.progress import advance, measure, metered
from canforget.quantization.qat import rounding
from canforget.rng import global_stream
from canforget.training.attention import short_attention_as_products
from canforget.training.augment import Augmenter
from canforget.training.checkpoint import TrainingState, WeightAverage, load_, save_checkpoint
from canforget.training.constraint import TrainingConstraint, current_constraint
from canforget.training.optimizers import optimizer_of, schedule

__all__ = ["Epoch", "Fit", "finite", "frozen", "passes", "train_"]

Loss = Callable[[Tensor, Tensor], Tensor]
Hook = Callable[[nn.Module], None]
STEPS_BETWEEN_CHECKS = 32
"""Whether the loss is still finite is asked this often: asking makes a GPU wait."""


@dataclass
class Epoch:
    """One pass of a training: `descend` goes down a loss over a set of images, `step` takes a single step; both follow the schedule."""

    number: int
    fit: Fit
    state: TrainingState
    augmenter: Augmenter
    health: Tensor
    mask: Mapping[str, Tensor] = field(default_factory=dict)
    original: Mapping[str, Tensor] = field(default_factory=dict)
    gradients: Hook | None = None
    constraint: TrainingConstraint = field(default_factory=TrainingConstraint)
    stopped: bool = False
    steps: int = 0

    @property
    def model(self) -> nn.Module:
        """The model in training."""
        return self.state.model

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of the whole training."""
        return self.state.optimizer

    @property
    def rng(self) -> Generator:
        """The stream that batches and augmentation are drawn from."""
        return self.state.rng

    def stop(self) -> None:
        """Makes this epoch the last."""
        self.stopped = True

    def descend(self, loss: Loss, images: Images, batch_size: int | None = None) -> None:
        """Takes one step down `loss(x, y)` for every shuffled batch of `images`."""
        for x, y in self.batches(images, batch_size):
            self.step(partial(loss, x, y))

    def batches(self, images: Images, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled, augmented batches of `images`; the learning rate moves along the schedule with them.

        A last batch of one image joins the batch before it. Where there is no other (a set of one image), BatchNorm uses its running
        statistics for it and leaves them alone: one image has no statistics of its own.
        """
        size = batch_size or self.fit.batch_size
        parts = batch_indices(torch.randperm(len(images), generator=self.rng), size)
        for place, chosen in enumerate(parts):
            done = (self.number + (place + 0.5) / len(parts)) / self.fit.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.fit.lr * schedule(self.fit, done)
            note_read(len(chosen))
            with still(self.model) if len(chosen) == 1 else nullcontext():
                yield self.augmenter.batch(images.x, chosen, self.number), images.y[chosen.to(images.y.device)]
            advance((self.number + (place + 1) / len(parts)) / self.fit.epochs)
            if place % STEPS_BETWEEN_CHECKS == STEPS_BETWEEN_CHECKS - 1:
                self.check()

    def step(self, loss: Callable[[], Tensor]) -> None:
        """Takes one step of the optimizer down the value that `loss()` returns; weights outside the mask stay bit-identical."""
        with self.constraint.during(self.model), rounding(self.model, self.fit.bits):
            with mixed_precision(self.fit, self.health.device):
                value = self.constraint.loss(loss(), self.model)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
        self.health.add_(value.detach())
        self.steps += 1
        if self.gradients is not None:
            self.gradients(self.model)
        self.mask_gradients()
        if self.fit.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.fit.clip)
        self.optimizer.step()
        self.restore_masked_()
        self.constraint.project(self.model)
        if self.state.average is not None:
            self.state.average.update_()

    def mask_gradients(self) -> None:
        """Blanks the gradient outside the mask, so that clipping does not count it."""
        for name, mask in self.mask.items():
            gradient = self.model.get_parameter(name).grad
            if gradient is not None:
                gradient.mul_(mask)

    @torch.no_grad()
    def restore_masked_(self) -> None:
        """Gives weights outside the mask their original bits, whatever momentum and weight decay did to them."""
        for name, mask in self.mask.items():
            parameter = self.model.get_parameter(name)
            parameter.copy_(torch.where(mask, parameter, self.original[name]))

    def check(self) -> None:
        """Raises `DivergedError` when a loss since the training began was not finite."""
        if not torch.isfinite(self.health):
            place = f"epoch {self.number + 1} of {self.fit.epochs} at lr {self.fit.lr}"
            raise DivergedError(f"diverged: the loss is not finite in {place}; lower the learning rate or clip the gradients")


def passes(
    fit: Fit,
    model: nn.Module,
    rng: Generator,
    *,
    mask: Mapping[str, Tensor] | None = None,
    gradients: Hook | None = None,
    resume: Callable[[TrainingState], int] | None = None,
) -> Iterator[Epoch]:
    """Yields the epochs of a training of `model`, in place: in train mode, with one optimizer, from the streams of `rng` alone.

    `mask` (by parameter name, True = may change) keeps the rest bit-identical whatever momentum and weight decay say; `gradients(model)`
    may edit the gradients before every step. Frozen parameters stay as they are, and so does a BatchNorm layer whose parameters all are
    frozen: it keeps its statistics. Ends in eval mode, with the averaged weights when `fit.average` asks for them. With `fit.bits` the
    loss and its gradient are taken at rounded weights, and the unrounded ones are moved and returned. `resume` may put the
    training back to where it stood, and says how many epochs were done then.

    Raises:
        DivergedError: A loss or a weight is no longer finite.
    """
    constraint = current_constraint()
    mask = masks(constraint.masking(mask or {}, model), model)
    optimizer = optimizer_of(fit, model)
    model.to(memory_format=torch.channels_last)
    state = TrainingState(model, optimizer, rng, WeightAverage(model, fit.average) if fit.average else None)
    health = torch.zeros((), device=next(model.parameters()).device)
    original = {name: model.get_parameter(name).detach().clone() for name in mask}
    augmenter = Augmenter(fit, rng)
    with freed_memory_kept(), counting_reads() as state.read, global_stream(rng), compiling(model) if fit.compile else nullcontext():
        first = resume(state) if resume is not None else 0
        try:
            for number in range(first, fit.epochs):
                training_mode_(model)
                epoch = Epoch(number, fit, state, augmenter, health, mask, original, gradients, constraint)
                before = float(health) if metered() else 0.0
                yield epoch
                epoch.check()
                if metered() and epoch.steps:
                    measure("train/loss", (float(health) - before) / epoch.steps, number + 1)
                    measure("train/lr", optimizer.param_groups[0]["lr"], number + 1)
                finite(model, f"after epoch {number + 1} of {fit.epochs} at lr {fit.lr}")
                if epoch.stopped:
                    break
        finally:
            if state.average is not None:
                state.average.put_()
            model.eval()


def train_(
    model: nn.Module,
    images: Images,
    *,
    rng: Generator,
    fit: Fit,
    loss: Loss | None = None,
    val: Images | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
) -> nn.Module:
    """Trains `model` on `images` in place and returns it, with the weights that were best on `val` when `fit.patience` is set.

    Args:
        loss: What to descend, given pixels and labels (default: cross-entropy with `fit.label_smoothing`).
        checkpoint: Written after an epoch when `checkpoint_seconds` have passed since the last time, and removed at the end. If the file
            is there at the start, training goes on from it and ends with the same bits as if it had never stopped.
    """
    if fit.patience and not val:
        raise SpecError("fit: patience chooses the best epoch on val, and there are no val images; give some or set patience = 0")

    def smoothed(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y, label_smoothing=fit.label_smoothing)

    best, saved = None, time.monotonic()
    for epoch in passes(fit, model, rng, resume=lambda state: load_(checkpoint, state, fit) if checkpoint else 0):
        best = epoch.state.best
        if fit.patience and best.stale >= fit.patience:
            epoch.stop()
            continue
        epoch.descend(loss or smoothed, images)
        if fit.patience and val:
            validate(epoch, val)
        if checkpoint is not None and time.monotonic() - saved >= checkpoint_seconds:
            save_checkpoint(checkpoint, epoch.state, fit, epoch.number + 1)
            saved = time.monotonic()
    if best is not None and best.weights:
        model.load_state_dict(best.weights)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return model


def validate(epoch: Epoch, val: Images) -> None:
    """Takes note of the loss on `val` after an epoch, with averaged and rounded weights where asked for; stops when patience is over."""
    state = epoch.state
    with state.average.in_place() if state.average is not None else nullcontext():
        with rounding(epoch.model, epoch.fit.bits):
            loss = validation_loss(epoch.model, val)
        state.best.see(epoch.model, loss)
    measure("val/loss", loss, epoch.number + 1)
    if state.best.stale >= epoch.fit.patience:
        epoch.stop()


def validation_loss(model: nn.Module, val: Images) -> float:
    """Mean cross-entropy on `val` in nats, in eval mode and float32."""
    model.eval()
    with torch.no_grad():
        return sum(float(cross_entropy(model(x).float(), y, reduction="sum")) for x, y in val.batches(512)) / len(val)


def batch_indices(order: Tensor, size: int) -> list[Tensor]:
    """Cuts an order into batches; a last batch of one joins the one before.

    >>> [len(part) for part in batch_indices(torch.arange(9), 4)]
    [4, 5]
    """
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def masks(mask: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The masks as booleans on the model's device; raises `SpecError` for a name that is not a parameter of it."""
    parameters = dict(model.named_parameters())
    strangers = sorted(set(mask) - set(parameters))
    if strangers:
        raise SpecError(f"passes: the mask names '{strangers[0]}', which is no parameter of the model")
    return {name: chosen.to(parameters[name].device, torch.bool) for name, chosen in mask.items()}


def training_mode_(model: nn.Module) -> None:
    """Puts `model` in train mode, but for BatchNorm layers whose parameters are all frozen."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.affine and not any(p.requires_grad for p in module.parameters()):
            module.eval()


@contextmanager
def compiling(model: nn.Module) -> Iterator[None]:
    """Compiles what `model(x)` runs for the block; takes 15 to 30 seconds at the first step."""
    device = next(model.parameters()).device
    if device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise SpecError("fit: compile = true needs a C++ compiler (g++ or clang++), and there is none; install one or set compile = false")
    model.compile()
    try:
        yield
    finally:
        model._compiled_call_impl = None


@contextmanager
def mixed_precision(fit: Fit, device: torch.device) -> Iterator[None]:
    """Within the block layers compute in bfloat16 where `fit` and the device want it; on a processor short attention as products."""
    low = in_bfloat16(fit, device)
    with (
        torch.autocast(device.type, torch.bfloat16, enabled=low),
        short_attention_as_products() if low and device.type == "cpu" and not fit.compile else nullcontext(),
    ):
        yield


def in_bfloat16(fit: Fit, device: torch.device) -> bool:
    """Whether to compute in bfloat16: as `fit.precision` says, and by "auto" where the device is faster with it."""
    if fit.precision == "auto":
        if device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return fit.precision == "bfloat16"
