"""Trainings of one architecture side by side as one stack (`torch.func`): where a single small net leaves a device idle, many fill it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import cross_entropy
from torch.nn.modules.dropout import _DropoutNd

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.fit_settings import Fit
from canforget.rng import global_stream
from canforget.training.augment import Augmenter
from canforget.training.checkpoint import TrainingState
from canforget.training.loop import Epoch, passes, training_mode_

ONE_BY_ONE = {"clip": 0.0, "patience": 0, "bits": 0, "compile": False}
"""Fields of a fit that ask about one model at a time, and the values at which they do not."""


class Population(nn.Module):
    """Models of one architecture as one module: each parameter and buffer as a row for each model, pixels [models, n, c, h, w] in, logits out."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.template = (models[0],)  # in a tuple, for its own weights are not to be trained
        weights, buffers = stack_module_state(list(models))
        self.shapes = {name: tensor.shape for name, tensor in (weights | buffers).items()}
        self.rows = nn.ParameterList(
            nn.Parameter(w.detach().reshape(len(models), -1), requires_grad=w.requires_grad) for w in weights.values()
        )
        self.names, self.buffer_names = list(weights), list(buffers)
        for place, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{place}", buffer.detach().reshape(len(models), -1))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parameters and buffers by their names in a model, stacked, as views of what is trained."""
        weights = {name: row.view(self.shapes[name]) for name, row in zip(self.names, self.rows, strict=True)}
        return weights, {n: self.get_buffer(f"buffer_{k}").view(self.shapes[n]) for k, n in enumerate(self.buffer_names)}

    def forward(self, x: Tensor) -> Tensor:
        (template,) = self.template

        def logits(weights: dict[str, Tensor], buffers: dict[str, Tensor], pixels: Tensor) -> Tensor:
            found: Tensor = functional_call(template, (weights, buffers), (pixels,))
            return found

        together: Tensor = torch.vmap(logits)(*self.state(), x)
        return together

    def train(self, mode: bool = True) -> "Population":
        """As every module, and a BatchNorm layer whose parameters all are frozen keeps its statistics, as in `passes`."""
        super().train(mode)
        training_mode_(self.template[0]) if mode else self.template[0].eval()
        return self

    @torch.no_grad()
    def put_(self, models: Sequence[nn.Module]) -> None:
        """Gives each model its weights and buffers."""
        weights, buffers = self.state()
        for place, model in enumerate(models):
            for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
                tensor.copy_((weights | buffers)[name][place])


def train_population_(models: Sequence[nn.Module], images: Sequence[Images], *, rngs: Sequence[Generator], fit: Fit) -> Sequence[nn.Module]:
    """Trains each model in place on its own images, drawn from its own generator, all at once; returns them.

    What comes out is what `train_` makes of each alone, up to the rounding of sums: the same batches, augmentation, schedule, moving
    average and BatchNorm statistics. All models have one architecture and as many images as one another.

    Raises:
        SpecError: What cannot be stacked: other numbers of images, dropout (models would share its draws), Muon, and fits that clip,
            stop early, round or compile.
        DivergedError: A loss or a weight of one of them is no longer finite.
    """
    require_alike(models, images, rngs, fit)
    population = Population(models)
    augmenters = [Augmenter(fit, rng) for rng in rngs]
    with ExitStack() as streams:
        for rng in rngs:
            streams.enter_context(global_stream(rng))  # takes from the generator what a training alone would take
        for epoch in passes(fit, population, torch.Generator()):
            batches = [batches_of(epoch, *own) for own in zip(images, rngs, augmenters, strict=True)]
            for drawn in zip(*batches, strict=True):
                x, y = (torch.stack(parts) for parts in zip(*drawn, strict=True))
                epoch.step(partial(total_loss, population, x, y, fit.label_smoothing))
    population.put_(models)
    for model in models:
        model.eval()
    return models


def batches_of(epoch: Epoch, images: Images, rng: Generator, augmenter: Augmenter) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches that a training of one model alone would see in this epoch."""
    state = TrainingState(epoch.model, epoch.optimizer, rng)
    return Epoch(epoch.number, epoch.fit, state, augmenter, epoch.health).batches(images)


def total_loss(population: Population, x: Tensor, y: Tensor, label_smoothing: float) -> Tensor:
    """The models' mean cross-entropies, added up: the gradient of each weight is that of its own model's loss."""
    logits = population(x).flatten(0, 1)
    return cross_entropy(logits, y.flatten(), label_smoothing=label_smoothing, reduction="sum") / y.shape[1]


def require_alike(models: Sequence[nn.Module], images: Sequence[Images], rngs: Sequence[Generator], fit: Fit) -> None:
    """Raises `SpecError` for what cannot be trained as one stack."""
    counts = {len(part) for part in images}
    if not models or not len(models) == len(images) == len(rngs) or len(counts) > 1 or counts <= {0, 1}:
        raise SpecError(
            f"population: {len(models)} models, {len(images)} sets of images and {len(rngs)} generators, {sorted(counts)} images a set; "
            "give as many of each, and as many images, two at least, in every set"
        )
    if any(isinstance(module, _DropoutNd) and module.p > 0 for module in models[0].modules()):
        raise SpecError("population: models of a stack would share the draws of dropout; train them one by one")
    asked = [name for name, value in ONE_BY_ONE.items() if getattr(fit, name) != value]
    if asked or fit.optimizer == "muon":
        raise SpecError(
            f"population: fit.{asked[0] if asked else 'optimizer = muon'} asks about one model at a time; train them one by one"
        )
