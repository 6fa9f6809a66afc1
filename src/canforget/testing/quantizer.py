"""What every quantizer keeps, as one function: `check_quantizer` tries a format on small nets and names the first promise it breaks."""

import inspect
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

from canforget.deployment.model_file import hash_tensors, load, save
from canforget.errors import CanforgetError, ContractError
from canforget.quantization.layer import codes
from canforget.quantization.quantized import coverage
from canforget.testing.problems import Problem, whole_class
from canforget.testing.unlearner import random_states

Quantizer = Callable[..., nn.Module]


def check_quantizer(quantizer: Quantizer) -> None:
    """Raises `ContractError` unless `quantizer` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take (model, calibration) and typed keyword-only hyperparameters with defaults; leave its arguments and the global random
    state alone; return another model in evaluation mode that maps raw pixels to finite logits, the same every time, whatever mode the
    original was in; account for every parameter; hold codes that its weights are the values of; survive a channel of zeros; refuse
    weights that are not finite, if it rounds any; and save and load with bit-identical logits. Takes about a second.
    """
    check_quantizer_signature(quantizer)
    for net in ("convolutions", "attention"):
        problem = whole_class(net)
        quantized = check_quantized(quantizer, problem)
        check_codes(quantized, problem)
        check_file(quantized, problem)
    check_zeros(quantizer, whole_class("convolutions"))
    check_refusals(quantizer, whole_class("convolutions"))


def check_quantizer_signature(quantizer: Quantizer) -> None:
    """(model, calibration) by place, everything else by keyword, typed, with a default."""
    parameters = list(inspect.signature(quantizer).parameters.values())
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hold_quantizer_to(first == ["model", "calibration"], f"its arguments by place are {first}, not model, calibration")
    for p in parameters[2:]:
        hold_quantizer_to(
            p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty, f"hyperparameter '{p.name}' must be keyword-only and typed"
        )
        hold_quantizer_to(p.default is not p.empty, f"hyperparameter '{p.name}' has no default")


def check_quantized(quantizer: Quantizer, problem: Problem) -> nn.Module:
    """Arguments and random state untouched; another model, in evaluation mode, finite, repeatable, and blind to the original's mode."""
    before, state, pixels = hash_tensors(problem.model), random_states(), problem.retain.x.clone()
    training = deepcopy(problem.model).train()
    quantized = quantized_or_refused(quantizer, problem.model, problem)
    hold_quantizer_to(hash_tensors(problem.model) == before, f"{problem.name}: it changed the model passed in")
    hold_quantizer_to(torch.equal(problem.retain.x, pixels), f"{problem.name}: it changed the calibration images")
    hold_quantizer_to(all(map(numpy.array_equal, random_states(), state)), f"{problem.name}: it disturbed the global random state")
    hold_quantizer_to(quantized is not problem.model, f"{problem.name}: it returned the model passed in, not a copy")
    hold_quantizer_to(not any(m.training for m in quantized.modules()), f"{problem.name}: it returned a model in train mode")
    out = logits(quantized, problem)
    hold_quantizer_to(bool(out.isfinite().all()), f"{problem.name}: its logits are not finite")
    hold_quantizer_to(
        out.shape == logits(problem.model, problem).shape, f"{problem.name}: its logits have another shape than the original's"
    )
    again = quantized_or_refused(quantizer, training, problem)
    hold_quantizer_to(
        torch.equal(logits(again, problem), out), f"{problem.name}: it depends on chance, or on the mode of the model passed in"
    )
    hold_quantizer_to(all(m.training for m in training.modules()), f"{problem.name}: it changed the mode of the model passed in")
    return quantized


def check_codes(quantized: nn.Module, problem: Problem) -> None:
    """Codes lie on their grid, weights are their values, and the account covers every layer with parameters."""
    for name, held in codes(quantized).items():
        where = f"{problem.name}: {name}"
        if held.grid.kind == "int":
            low, high = int(held.codes.min()), int(held.codes.max())
            hold_quantizer_to(
                held.grid.low <= low and high <= held.grid.high, f"{where} has codes {low}..{high} beyond its {held.bits} bits"
            )
        weight = quantized.get_submodule(name).weight
        hold_quantizer_to(
            isinstance(weight, Tensor) and torch.equal(weight, held.values()), f"{where}: its weight is not what its codes say"
        )
    account = coverage(quantized)
    hold_quantizer_to(
        0 <= account.weights_fraction <= 1 and 0 <= account.macs_fraction <= 1, f"{problem.name}: its coverage is no fraction"
    )


def check_file(quantized: nn.Module, problem: Problem) -> None:
    """A file holds all that the logits depend on."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(quantized, Path(folder) / "model.safetensors")
        loaded = load(path, into=deepcopy(problem.model))
    hold_quantizer_to(
        torch.equal(logits(loaded, problem), logits(quantized, problem)), f"{problem.name}: saved and loaded, its logits differ"
    )


def check_zeros(quantizer: Quantizer, problem: Problem) -> None:
    """A channel of zeros has no scale of its own, and must not become NaN."""
    model = deepcopy(problem.model)
    with torch.no_grad():
        next(p for p in model.parameters() if p.ndim > 1)[0].zero_()
    quantized = quantized_or_refused(quantizer, model, problem)
    hold_quantizer_to(bool(logits(quantized, problem).isfinite().all()), "a channel of zeros: its logits are not finite")


def check_refusals(quantizer: Quantizer, problem: Problem) -> None:
    """Weights that diverged are refused in words by whatever rounds weights."""
    model = deepcopy(problem.model)
    with torch.no_grad():
        next(p for p in model.parameters() if p.ndim > 1).fill_(torch.nan)
    if not codes(quantized_or_refused(quantizer, problem.model, problem)):
        return
    try:
        quantizer(model, problem.retain)
    except CanforgetError:
        return
    raise ContractError("quantizer: it accepted weights that are NaN")


def quantized_or_refused(quantizer: Quantizer, model: nn.Module, problem: Problem) -> nn.Module:
    """The quantized model; a crash or a refusal of a sound model breaks the contract."""
    try:
        return quantizer(model, problem.retain)
    except Exception as met:
        raise ContractError(f"quantizer: {problem.name}: it ended with {type(met).__name__}: {met}") from met


@torch.no_grad()
def logits(model: nn.Module, problem: Problem) -> Tensor:
    """What a model says of the images, in evaluation mode."""
    found: Tensor = deepcopy(model).eval()(problem.retain.x)
    return found


def hold_quantizer_to(kept: bool, otherwise: str) -> None:
    """Raises `ContractError` saying `otherwise` unless `kept`."""
    if not kept:
        raise ContractError(f"quantizer: {otherwise}")
