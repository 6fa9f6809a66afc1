"""What every unlearner keeps, as one function: `check_unlearner` tries a method on small problems and names the first promise it breaks."""

import inspect
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.errors import CanforgetError, ContractError, UserCodeError
from canforget.progress import listening
from canforget.rng import generator
from canforget.testing.problems import Problem, edge_cases, mislabelled, whole_class

Unlearner = Callable[..., nn.Module]


def check_unlearner(unlearner: Unlearner) -> None:
    """Raises `ContractError` unless `unlearner` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take (model, forget, retain, *, rng) and typed keyword-only hyperparameters with defaults; leave its arguments and the
    global random state alone; return another model with finite weights, the same for the same generator; raise the loss of mislabelled
    images that it forgets; leave frozen parts as they are; report progress; work on a net with attention and dropout, on whole classes,
    on a single image and without retain images, or refuse with a `CanforgetError`. Takes a second or a few for most methods.
    """
    traits = traits_of(unlearner)
    check_unlearner_signature(unlearner)
    usual = whole_class if traits.get("whole_class_only") else mislabelled
    check_unlearned(unlearner, usual("convolutions"), traits)
    check_forgetting(unlearner, mislabelled("convolutions"), traits)
    check_frozen_parts(unlearner, usual("convolutions"), traits)
    for problem in (usual("attention"), whole_class("convolutions"), *edge_cases()):
        check_case(unlearner, problem, traits)


def check_unlearner_signature(unlearner: Unlearner) -> None:
    """(model, forget, retain) by place, everything else by keyword, typed, with a default."""
    parameters = list(inspect.signature(unlearner).parameters.values())
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hold_unlearner_to(first == ["model", "forget", "retain"], f"its arguments by place are {first}, not model, forget, retain")
    rest = {p.name: p for p in parameters[3:]}
    hold_unlearner_to("rng" in rest, "it takes no keyword 'rng'")
    for name, p in rest.items():
        hold_unlearner_to(
            p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty, f"hyperparameter '{name}' must be keyword-only and typed"
        )
        hold_unlearner_to(name == "rng" or p.default is not p.empty, f"hyperparameter '{name}' has no default")


def check_unlearned(unlearner: Unlearner, problem: Problem, traits: dict[str, Any]) -> None:
    """Arguments and global random state untouched, another model, finite, in eval mode, repeatable, progress told; or a refusal."""
    before, flags, states = deepcopy(problem.model.state_dict()), modes(problem.model), random_states()
    heard: list[float] = []
    with listening(heard.append):
        first = unlearned_or_refused(unlearner, problem)
    hold_unlearner_to(same_weights(problem.model.state_dict(), before), f"{problem.name}: it changed the weights of the model passed in")
    hold_unlearner_to(modes(problem.model) == flags, f"{problem.name}: it changed the mode or requires_grad of the model passed in")
    hold_unlearner_to(all(p.grad is None for p in problem.model.parameters()), f"{problem.name}: it left gradients on the model passed in")
    hold_unlearner_to(all(map(numpy.array_equal, random_states(), states)), f"{problem.name}: it disturbed the global random state")
    if first is None:
        return
    check_weights(first, problem, traits)
    second = unlearned_or_refused(unlearner, problem)
    hold_unlearner_to(
        second is not None and same_weights(first.state_dict(), second.state_dict()),
        f"{problem.name}: the same generator gave other weights the second time",
    )
    hold_unlearner_to(
        bool(heard) or traits.get("changes") is False, f"{problem.name}: it reported no progress (canforget.progress.advance)"
    )


def check_weights(unlearned: nn.Module, problem: Problem, traits: dict[str, Any]) -> None:
    """Finite, in eval mode, trainable where the original was, and different unless the method is declared to change nothing."""
    own, original = unlearned.state_dict(), problem.model.state_dict()
    hold_unlearner_to(own.keys() == original.keys(), f"{problem.name}: the returned model has other layers than the one passed in")
    hold_unlearner_to(all(bool(v.isfinite().all()) for v in own.values()), f"{problem.name}: it returned NaN or infinite weights")
    hold_unlearner_to(not unlearned.training, f"{problem.name}: it returned a model in train mode")
    flags = modes(unlearned)[1] == modes(problem.model)[1]
    hold_unlearner_to(flags or bool(traits.get("fresh")), f"{problem.name}: it returned other requires_grad flags than it was given")
    hold_unlearner_to(unlearned is not problem.model, f"{problem.name}: it returned the model passed in, not a copy")
    changed = any(not torch.equal(own[n], original[n]) for n, _ in unlearned.named_parameters())
    hold_unlearner_to(changed or traits.get("changes") is False, f"{problem.name}: it returned the original weights; refuse instead")


def check_forgetting(unlearner: Unlearner, problem: Problem, traits: dict[str, Any]) -> None:
    """The loss on images that were learned with wrong labels rises once they are forgotten."""
    unlearned = unlearned_or_refused(unlearner, problem)
    if unlearned is None or traits.get("changes") is False:
        return
    with torch.no_grad():
        old, new = (float(cross_entropy(m(problem.forget.x), problem.forget.y)) for m in (problem.model, unlearned))
    hold_unlearner_to(new > old, f"{problem.name}: the loss of what was to be forgotten went from {old:.3f} to {new:.3f}; it must rise")


def check_frozen_parts(unlearner: Unlearner, problem: Problem, traits: dict[str, Any]) -> None:
    """Parameters that require no gradient keep their values, unless the method draws all weights anew."""
    model = deepcopy(problem.model)
    held = [n for n, _ in model.named_parameters()][:2]
    for name in held:
        model.get_parameter(name).requires_grad_(False)
    partly = Problem(f"{problem.name}, partly frozen", model, problem.forget, problem.retain)
    unlearned = unlearned_or_refused(unlearner, partly)
    if unlearned is None:
        return
    check_weights(unlearned, partly, traits)
    moved = [n for n in held if not torch.equal(unlearned.get_parameter(n), model.get_parameter(n))]
    hold_unlearner_to(not moved or bool(traits.get("fresh")), f"{partly.name}: it moved {moved}, which require no gradient")


def check_case(unlearner: Unlearner, problem: Problem, traits: dict[str, Any]) -> None:
    """A case that a method may not cover ends in a sound model or in a `CanforgetError`, never in a crash."""
    unlearned = unlearned_or_refused(unlearner, problem)
    if unlearned is not None:
        check_weights(unlearned, problem, traits)


def unlearned_or_refused(unlearner: Unlearner, problem: Problem) -> nn.Module | None:
    """The unlearned model, or None where the method refuses in words."""
    try:
        return unlearner(problem.model, problem.forget, problem.retain, rng=generator("check"))
    except UserCodeError as crash:
        raise ContractError(f"{problem.name}: it crashed: {crash}") from crash
    except CanforgetError as refusal:
        hold_unlearner_to(bool(str(refusal)), f"{problem.name}: it refused without a word")
        return None
    except Exception as problem_met:
        raise ContractError(f"{problem.name}: it crashed with {type(problem_met).__name__}: {problem_met}") from problem_met


def hold_unlearner_to(kept: bool, otherwise: str) -> None:
    """Raises `ContractError` saying `otherwise` unless `kept`."""
    if not kept:
        raise ContractError(f"unlearner: {otherwise}")


def traits_of(unlearner: Unlearner) -> dict[str, Any]:
    """What `@component` says of the function, through any `functools.partial`."""
    while hasattr(unlearner, "func"):
        unlearner = unlearner.func
    return getattr(unlearner, "__canforget__", {})


def modes(model: nn.Module) -> tuple[list[bool], list[bool]]:
    """(training flag of every module, requires_grad of every parameter)."""
    return [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]


def same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts are bit-identical."""
    return all(torch.equal(v, other[k]) for k, v in one.items())


def random_states() -> list[Any]:
    """The global random states of torch, numpy and Python."""
    kind, keys, *rest = numpy.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state().numpy().copy(), keys, [kind, *rest], list(random.getstate()[1])]
