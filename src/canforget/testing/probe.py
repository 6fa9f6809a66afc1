"""The contract of probes: run it over one of your own before you trust its numbers."""

import inspect
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy
from torch import nn

from canforget.data.images import Split, together
from canforget.deployment.model_file import hash_tensors
from canforget.errors import CanforgetError, ContractError, UserCodeError
from canforget.evaluation.probe_results import ProbeResult
from canforget.network.weights import frozen
from canforget.pipeline import quantize
from canforget.rng import generator
from canforget.spec import parse
from canforget.testing.problems import Problem, mislabelled, whole_class
from canforget.testing.promises import require_kept, require_signature
from canforget.testing.unlearner import random_states

Probe = Callable[..., ProbeResult]
GIVEN = ("original", "quantizer")
FORMAT = "int:bits=8"


def check_probe(probe: Probe) -> None:
    """Raises `ContractError` unless `probe` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take (model, split, *, rng), `original` and `quantizer` if it wants them, and typed keyword-only hyperparameters with defaults;
    leave its arguments and the global random state alone; return a `ProbeResult` with traces or facts, of finite numbers or none that a
    ruled-out class does not explain, on images of the split, with a `cost`; the same for the same generator, on the same images for
    another model; or refuse with a `CanforgetError`: on convolutions and attention, float and quantized, for classes and for single images.
    """
    wanted = tuple(name for name in GIVEN if name in inspect.signature(probe).parameters)
    require_signature("probe", probe, ("model", "split"), ("rng", *wanted))
    outcomes = [check_probed(probe, name, model, original, split, wanted) for name, model, original, split in cases()]
    require_kept("probe", any(outcomes), "it refused every problem")


def cases() -> Iterator[tuple[str, nn.Module, nn.Module, Split]]:
    """Problems with a model and the original it was made from; small ones, for a probe may take minutes."""
    for problem in (whole_class("convolutions"), whole_class("attention"), mislabelled("convolutions")):
        split = split_of_problem(problem)
        yield problem.name, problem.model, problem.model, split
        if "whole class" in problem.name:
            yield f"{problem.name}, {FORMAT}", quantize(problem.model, split, FORMAT), problem.model, split


def split_of_problem(problem: Problem) -> Split:
    """A split of a problem: a third of its forget set counts as matched test images, a few retained ones as the others."""
    third, part = len(problem.forget) // 3, len(problem.retain) // 6
    unseen, forget = problem.forget[:third], problem.forget[third:]
    others, val, retain = problem.retain[:part], problem.retain[part : 2 * part], problem.retain[2 * part :]
    return Split(
        forget=forget, retain=retain, val=val, held_out=forget[:0], test=together(unseen, others), test_forget=unseen, test_retain=others,
        calibration=retain[:32], classes=tuple(str(c) for c in range(12)),
    )  # fmt: skip


def check_probed(probe: Probe, name: str, model: nn.Module, original: nn.Module, split: Split, wanted: tuple[str, ...]) -> bool:
    """Holds a probe to its promises on one problem; returns whether it answered."""
    before, states = hash_tensors(model), random_states()
    mode, flags = [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]
    first = result_or_refusal(probe, name, model, original, split, wanted)
    require_kept("probe", hash_tensors(model) == before, f"{name}: it changed the weights of the model passed in")
    kept = mode == [m.training for m in model.modules()] and flags == [p.requires_grad for p in model.parameters()]
    require_kept("probe", kept, f"{name}: it changed the mode or requires_grad of the model passed in")
    require_kept("probe", all(p.grad is None for p in model.parameters()), f"{name}: it left gradients on the model passed in")
    require_kept("probe", all(map(numpy.array_equal, random_states(), states)), f"{name}: it disturbed the global random state")
    if first is None:
        return False
    check_result(first, name, split)
    second = result_or_refusal(probe, name, model, original, split, wanted)
    require_kept("probe", second is not None and same_arrays(first, second), f"{name}: another result for the same generator")
    other = result_or_refusal(probe, name, shaken_head(model), original, split, wanted)
    require_kept(
        "probe",
        other is None or same_images_asked(first, other),
        f"{name}: another model is asked about other images; draw them from `rng` alone",
    )
    return True


def check_result(found: object, name: str, split: Split) -> None:
    """Traces or facts, no NaN, ids of the split, and what it cost."""
    require_kept("probe", isinstance(found, ProbeResult), f"{name}: returned {type(found).__name__}; return a ProbeResult")
    assert isinstance(found, ProbeResult)
    require_kept("probe", bool(found.traces or found.facts), f"{name}: it found nothing; raise NotMeasurable(reason)")
    require_kept("probe", "cost" in found.facts, f"{name}: it does not say what it cost; put {{'cost': {{...}}}} into its facts")
    known = together(split.forget, split.retain, split.val, split.test, split.held_out).ids.numpy()
    for at, trace in found.traces.items():
        require_kept("probe", not numpy.isnan(trace.values).any(), f"{name}: '{at}' holds NaN; raise NotMeasurable(reason)")
        require_kept("probe", bool(numpy.isin(trace.ids, known).all()), f"{name}: '{at}' is of images that are not in the split")


def result_or_refusal(
    probe: Probe, name: str, model: nn.Module, original: nn.Module, split: Split, wanted: tuple[str, ...]
) -> ProbeResult | None:
    """What the probe found, or None where it refuses in words."""
    given: dict[str, Any] = {"original": original, "quantizer": parse("quantizers", FORMAT)}
    try:
        return probe(model, split, rng=generator("check"), **{n: given[n] for n in wanted})
    except UserCodeError as crash:
        raise ContractError(f"probe: {name}: it crashed: {crash}") from crash
    except CanforgetError as refusal:
        require_kept("probe", bool(str(refusal)), f"{name}: it refused without a word")
        return None
    except Exception as met:
        raise ContractError(f"probe: {name}: it crashed with {type(met).__name__}: {met}") from met


def shaken_head(model: nn.Module) -> nn.Module:
    """Another model of the same kind: its last weight turned round."""
    other = frozen(model)
    last = [p for p in other.parameters() if p.ndim > 1][-1]
    last.data.neg_()
    for own, there in zip(deepcopy(model).parameters(), other.parameters(), strict=True):
        there.requires_grad_(own.requires_grad)
    return other


def same_arrays(one: ProbeResult, other: ProbeResult) -> bool:
    """Whether two results are the same, bit by bit."""
    a, b = one.arrays(), other.arrays()
    return a.keys() == b.keys() and all(numpy.array_equal(a[n], b[n]) for n in a) and one.facts == other.facts


def same_images_asked(one: ProbeResult, other: ProbeResult) -> bool:
    """Whether two results are of the same images at the same doses."""
    names = one.traces.keys() & other.traces.keys()
    return all(numpy.array_equal(one.traces[n].ids, other.traces[n].ids) for n in names)
