"""Models trained as one stack are those trained one by one, whatever a stack might share; what cannot be stacked is refused."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from canforget.data.images import Images, Split
from canforget.errors import DivergedError, SpecError
from canforget.fit_settings import Fit
from canforget.network.build import build
from canforget.rng import generator
from canforget.training.loop import train_
from canforget.training.population import train_population_

PLAIN = Fit(epochs=2, batch_size=48, lr=0.05, precision="float32")
"""Of 110 images: two whole batches, and one of 14."""


@pytest.fixture
def sets(digits_split: Split) -> list[Images]:
    """Three sets of 110 images, of which the neighbors share some."""
    return [digits_split.retain[60 * k : 60 * k + 110] for k in range(3)]


def nets(name: str = "tiny_cnn", **parameters: Any) -> list[nn.Module]:
    given: dict[str, Any] = {"mean": (0.3,), "std": (0.35,), "parameters": parameters}
    return [build(name, 10, (1, 8, 8), rng=generator(f"net {k}"), **given).double() for k in range(3)]


def streams() -> list[torch.Generator]:
    return [generator(f"stream {k}") for k in range(3)]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny_cnn", {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "schedule": "triangle", "warmup": 0.2}),
        ("tiny_cnn", {"optimizer": "adamw", "lr": 0.003, "label_smoothing": 0.1, "average": 0.9}),
        ("tiny_cnn", {"crop": 1, "flip": True, "cutout": 2}),
        ("speed_net", {"lr": 0.005, "weight_decay": 5e-4}),  # its stem is frozen
        ("resnet20", {"lr": 0.005, "epochs": 1}),
    ],
)
def test_a_stack_is_trained_as_its_models_are_one_by_one(name: str, changes: dict[str, Any], sets: list[Images]) -> None:
    """Each has the batches, draws, weight decay and BatchNorm statistics of its own: a shared one would be off by far more than rounding.

    In float64, where rounding is too small to be taken for anything else.
    """
    fit = replace(PLAIN, **changes)
    alone = [train_(m, images, rng=rng, fit=fit) for m, images, rng in zip(nets(name), sets, streams())]
    fresh = nets(name)
    together = train_population_(deepcopy(fresh), sets, rngs=streams(), fit=fit)
    for k, (one, other) in enumerate(zip(alone, together, strict=True)):
        assert not other.training
        for key, value in one.state_dict().items():
            moved = (value - fresh[k].state_dict()[key]).double().norm()
            assert (value - other.state_dict()[key]).double().norm() <= 1e-8 * moved, (k, key)


def test_a_batchnorm_layer_that_is_frozen_keeps_its_statistics(sets: list[Images]) -> None:
    models = nets()
    for model in models:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
    before = deepcopy(models)
    train_population_(models, sets, rngs=streams(), fit=PLAIN)
    for one, other in zip(before, models, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": 1.0}, "fit.clip asks about one model at a time"),
        ({"patience": 2}, "fit.patience"),
        ({"bits": 4}, "fit.bits"),
        ({"compile": True}, "fit.compile"),
        ({"optimizer": "muon"}, "fit.optimizer = muon"),
    ],
)
def test_what_asks_about_one_model_is_refused(changes: dict[str, Any], message: str, sets: list[Images]) -> None:
    """A norm of the gradient over all models would clip each by what the others do."""
    with pytest.raises(SpecError, match=message):
        train_population_(nets(), sets, rngs=streams(), fit=replace(PLAIN, **changes))


def test_sets_of_other_sizes_and_dropout_are_refused(sets: list[Images]) -> None:
    with pytest.raises(SpecError, match="as many images"):
        train_population_(nets(), [*sets[:2], sets[2][:90]], rngs=streams(), fit=PLAIN)
    with pytest.raises(SpecError, match="2 generators"):
        train_population_(nets(), sets, rngs=streams()[:2], fit=PLAIN)
    dropping = [nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)) for _ in range(3)]
    with pytest.raises(SpecError, match="dropout"):
        train_population_(dropping, sets, rngs=streams(), fit=PLAIN)


def test_a_model_of_the_stack_that_diverges_is_noticed(sets: list[Images]) -> None:
    models = nets()
    with torch.no_grad():
        next(models[1].parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="not finite"):
        train_population_(models, sets, rngs=streams(), fit=PLAIN)
