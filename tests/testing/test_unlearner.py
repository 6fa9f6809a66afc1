"""The contract itself: each broken promise is caught and named."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, together
from canforget.errors import DataError
from canforget.testing import ContractError, check_unlearner
from canforget.training.loop import Fit, train_


def edits_its_argument(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Trains the model that it was given."""
    return train_(model, retain, rng=rng, fit=Fit(epochs=1, lr=1e-3))


def does_nothing(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns the original."""
    return deepcopy(model).eval()


def draws_from_the_global_stream(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Noise that no generator repeats."""
    unlearned = deepcopy(model).eval()
    with torch.no_grad():
        for p in unlearned.parameters():
            p.add_(torch.randn_like(p))
    return unlearned


def learns_it_better(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """A sign lost."""
    if not len(forget):
        raise DataError("nothing to forget")
    return train_(deepcopy(model), together(forget, retain), rng=rng, fit=Fit(epochs=5, lr=1e-2))


def returns_not_a_number(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Diverged, and does not say so."""
    unlearned = deepcopy(model).eval()
    with torch.no_grad():
        next(iter(unlearned.parameters())).fill_(torch.nan)
    return unlearned


def crashes_without_retain(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Takes the first retain image for granted."""
    if not len(forget):
        raise DataError("nothing to forget")
    unlearned = deepcopy(model)
    train_(unlearned, forget, rng=rng, fit=Fit(epochs=2, lr=0.01), loss=lambda x, y: -cross_entropy(unlearned(x), y))
    retain.x[0]
    return unlearned


def has_an_untyped_hyperparameter(model: nn.Module, forget: Images, retain: Images, *, rng: Generator, strength: Any = 1) -> nn.Module:
    """A hyperparameter that no study could check."""
    return model


del has_an_untyped_hyperparameter.__annotations__["strength"]


def moves_frozen_parts(model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Unfreezes what it was told to leave."""
    unlearned = deepcopy(model).requires_grad_()
    train_(unlearned, retain, rng=rng, fit=Fit(epochs=2, lr=0.02))
    for p, q in zip(unlearned.parameters(), model.parameters(), strict=True):
        p.requires_grad_(q.requires_grad)
    return unlearned


@pytest.mark.parametrize(
    ("unlearner", "complaint"),
    [
        (edits_its_argument, "changed the weights of the model passed in"),
        (does_nothing, "returned the original weights"),
        (draws_from_the_global_stream, "disturbed the global random state"),
        (learns_it_better, "it must rise"),
        (returns_not_a_number, "NaN"),
        (has_an_untyped_hyperparameter, "'strength' must be keyword-only and typed"),
        (crashes_without_retain, "no retain images: it crashed with IndexError"),
        (moves_frozen_parts, "which require no gradient"),
    ],
)
def test_a_broken_promise_is_named(unlearner: Callable[..., nn.Module], complaint: str) -> None:
    """A contract that never fails checks nothing."""
    with pytest.raises(ContractError, match=complaint):
        check_unlearner(unlearner)
