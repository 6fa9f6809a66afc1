"""The contract of probes names the promise that is broken."""

from typing import Any

import numpy
import pytest
import torch

from canforget.errors import ContractError
from canforget.evaluation.probe_results import ProbeResult, Trace
from canforget.testing import check_probe


def result(split: Any, values: Any, **facts: Any) -> ProbeResult:
    asked = split.forget[:2]
    return ProbeResult({"a": Trace(numpy.zeros(1), numpy.full((1, 2), values), asked.ids.numpy())}, {"cost": {}} | facts)


def sound(model: Any, split: Any, *, rng: Any, size: float = 1.0) -> ProbeResult:
    return result(split, size)


def test_a_sound_probe_passes() -> None:
    check_probe(sound)


def draws_globally(model: Any, split: Any, *, rng: Any) -> ProbeResult:
    return result(split, float(torch.rand(())))


def not_numbers(model: Any, split: Any, *, rng: Any) -> ProbeResult:
    return result(split, numpy.nan)


def costs_nothing_it_says(model: Any, split: Any, *, rng: Any) -> ProbeResult:
    return ProbeResult(result(split, 0.0).traces, {"note": ""})


def crashes(model: Any, split: Any, *, rng: Any) -> ProbeResult:
    raise KeyError("x")


def looks_at_the_model(model: Any, split: Any, *, rng: Any) -> ProbeResult:
    place = int(sum(p.double().sum() for p in model.parameters()) * 1e6) % 5
    asked = split.forget[place : place + 1]
    return ProbeResult({"a": Trace(numpy.zeros(1), numpy.zeros((1, 1)), asked.ids.numpy())}, {"cost": {}})


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (draws_globally, "disturbed the global random state"),
        (not_numbers, "holds NaN"),
        (costs_nothing_it_says, "does not say what it cost"),
        (crashes, "crashed with KeyError"),
        (looks_at_the_model, "asked about other images"),
    ],
)
def test_a_broken_promise_is_named(probe: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_probe(probe)
