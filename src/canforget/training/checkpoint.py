"""Training checkpoints: weights, optimizer, moving average, best weights and random streams; checksummed, and resumed bit for bit."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from canforget.data.images import ImagesRead, note_read
from canforget.errors import ArtifactError, shortened
from canforget.fit_settings import Fit


class WeightAverage:
    """An exponential moving average of all weights and of BatchNorm's statistics.

    The decay starts at 0.1 and rises as (1 + steps) / (10 + steps) to `decay`, so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = [t for t in [*model.parameters(), *model.buffers()] if t.is_floating_point()]
        self.mean = [t.detach().clone() for t in self.live]
        self.steps = 0

    @torch.no_grad()
    def update_(self) -> None:
        """Takes the model's current weights in."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for mean, live in zip(self.mean, self.live, strict=True):
            mean.lerp_(live, 1 - decay)

    @torch.no_grad()
    def put_(self) -> None:
        """Makes the average the model's weights."""
        for mean, live in zip(self.mean, self.live, strict=True):
            live.copy_(mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Lends the model its average for the block."""
        before = [t.detach().clone() for t in self.live]
        self.put_()
        try:
            yield
        finally:
            with torch.no_grad():
                for live, weights in zip(self.live, before, strict=True):
                    live.copy_(weights)


@dataclass
class Best:
    """The lowest loss on `val` so far, a copy of the weights that had it, and for how many epochs it has stood."""

    loss: float = math.inf
    stale: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, model: nn.Module, loss: float) -> None:
        """Takes note of the loss after another epoch; the weights are copied, for training will go on changing them."""
        self.stale += 1
        if loss < self.loss:
            self.loss, self.stale = loss, 0
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class CheckpointFacts(BaseModel):
    """What a checkpoint says beside its tensors: whose training, how far, the best loss on `val` (as text, for it may be infinite)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fit: str
    epochs_done: Annotated[int, Field(ge=0)]
    loss: Annotated[str, StringConstraints(pattern=r"^(inf|[0-9.e+-]+)$")]
    stale: Annotated[int, Field(ge=0)]
    images_read: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


@dataclass
class TrainingState:
    """All of a training that changes as it goes on, and the images it has read."""

    model: nn.Module
    optimizer: Optimizer
    rng: Generator
    average: WeightAverage | None = None
    best: Best = field(default_factory=Best)
    read: ImagesRead = field(default_factory=ImagesRead)


def save_checkpoint(path: Path, state: TrainingState, fit: Fit, epochs_done: int) -> None:
    """Writes a training's state to a safetensors file, whole or not at all."""
    facts = {
        "fit": repr(fit),
        "epochs_done": epochs_done,
        "loss": repr(state.best.loss),
        "stale": state.best.stale,
        "images_read": state.read.number,
    }
    if state.average is not None:
        facts["steps"] = state.average.steps
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in state_tensors(state).items()}
    facts["sha256"] = digest(facts, tensors)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file(tensors, partial, metadata={"canforget": json.dumps(facts, sort_keys=True)})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def state_tensors(state: TrainingState) -> dict[str, Tensor]:
    """Every tensor of a training's state by name, the states of the random streams among them."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    for place, parameter in enumerate(parameters_of(state.optimizer)):
        moments = state.optimizer.state.get(parameter, {})
        tensors |= {f"optimizer/{place}/{key}": value for key, value in moments.items() if isinstance(value, Tensor)}
    if state.average is not None:
        tensors |= {f"average/{place}": tensor for place, tensor in enumerate(state.average.mean)}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best.weights.items()}
    return tensors | {f"stream/{name}": stream for name, stream in streams(state).items()}


def streams(state: TrainingState) -> dict[str, Tensor]:
    """States of the generator, and of torch's global streams that dropout draws from."""
    states = {"rng": state.rng.get_state(), "global": torch.get_rng_state()}
    device = next(state.model.parameters()).device
    return states | ({"device": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def digest(facts: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """SHA-256 of everything that a checkpoint holds but this."""
    found = hashlib.sha256(json.dumps({name: fact for name, fact in facts.items() if name != "sha256"}, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Facts and tensors of a checkpoint, none when there is no file; raises `ArtifactError` when it is not as it was written."""
    if not path.is_file():
        return {}, {}
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["canforget"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        CheckpointFacts.model_validate(facts, strict=True)
        whole = facts["sha256"] == digest(facts, tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as problem:
        said = shortened(" ".join(str(problem).split()), 160)
        raise ArtifactError(f"{path}: not a readable checkpoint ({said}); delete it to start anew") from None
    if not whole:
        raise ArtifactError(f"{path}: not a readable checkpoint (not as it was written); delete it to start anew")
    return facts, tensors


def load_(path: Path, state: TrainingState, fit: Fit) -> int:
    """Puts a training back where the file at `path` left it, in place; returns how many epochs were done (0 when there is no file).

    What it had read counts as read: a training that was interrupted costs what one costs that was not.

    Raises:
        ArtifactError: The file is damaged, or belongs to another training; delete it to start anew.
    """
    facts, tensors = read_checkpoint(path)
    if not facts:
        return 0
    if facts["fit"] != repr(fit):
        raise ArtifactError(f"{path}: the checkpoint of a training with another fit ({facts['fit']}); delete it to start anew")
    try:
        restore_(state, tensors, facts)
    except (KeyError, RuntimeError) as problem:
        raise ArtifactError(f"{path}: the checkpoint of another model ({str(problem).splitlines()[0]}); delete it to start anew") from None
    return int(facts["epochs_done"])


def restore_(state: TrainingState, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Copies saved tensors and numbers back into a training."""
    state.model.load_state_dict(under("model/", tensors))
    for place, parameter in enumerate(parameters_of(state.optimizer)):
        for key, value in under(f"optimizer/{place}/", tensors).items():
            like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
            state.optimizer.state[parameter][key] = like.copy_(value)
    if state.average is not None:
        state.average.steps = facts["steps"]
        for place, mean in enumerate(state.average.mean):
            mean.copy_(tensors[f"average/{place}"])
    device = next(state.model.parameters()).device
    weights = {name: tensor.to(device) for name, tensor in under("best/", tensors).items()}
    note_read(facts["images_read"])
    state.best = Best(float(facts["loss"]), facts["stale"], weights)
    state.rng.set_state(tensors["stream/rng"])
    torch.set_rng_state(tensors["stream/global"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["stream/device"], device)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, named without it.

    >>> sorted(under("a/", {"a/x": torch.ones(1), "b/x": torch.ones(1)}))
    ['x']
    """
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """All parameters that an optimizer moves, in order."""
    return [p for group in optimizer.param_groups for p in group["params"]]
