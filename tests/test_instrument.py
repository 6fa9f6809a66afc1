"""The acceptance of the verdict, on made-up models of known answer; the whole of it on trained ones: python benchmarks/instrument.py."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.evaluation.evidence import predictions_of
from canforget.rng import numpy_generator

PATH = Path(__file__).parents[1] / "benchmarks" / "instrument.py"
N, SEEDS = 4000, 8
LABELS = numpy_generator("instrument/labels").integers(4, size=2 * N)
RETRAINED = {
    "retain.accuracy": 0.99,
    "test_retain.accuracy": 0.9,
    "forget.accuracy": 0.8,
    "test_forget.accuracy": 0.8,
    "forget.linear_cka": 0.8,
}


@pytest.fixture(scope="module")
def instrument() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("instrument", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["instrument"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["instrument"]


def bank(instrument: Any, **faults: tuple[float, dict[str, float]]) -> dict[tuple[str, int], Any]:
    """Models of every kind, each seed a little different; `faults` change what a kind is."""
    kinds: dict[str, tuple[float, dict[str, float]]] = {
        "retrain": (0.0, {}),
        "nothing": (2.0, {"forget.accuracy": 1.0, "forget.linear_cka": 1.0}),
        "leaky_retrain": (1.0, {"forget.accuracy": 0.9}),
        "destroyed": (0.0, {"retain.accuracy": 0.1, "test_retain.accuracy": 0.1, "forget.accuracy": 0.1}),
        "relabelled": (-2.0, {"forget.accuracy": 0.2}),
        "head_distillation": (0.0, {"forget.linear_cka": 0.99}),
    } | faults
    made = {}
    for kind, (gain, changes) in kinds.items():
        for seed in range(SEEDS):
            rng = numpy_generator(f"bank/{kind}/{seed}")
            z = rng.normal(0, 1, (2 * N, 4))
            z[numpy.arange(2 * N), LABELS] += 1 + gain * (numpy.arange(2 * N) < N)
            views = {"forget": predictions_of(z[:N], LABELS[:N]), "test_forget": predictions_of(z[N:], LABELS[N:], numpy.arange(N, 2 * N))}
            values = {name: {"value": v + rng.normal(0, 0.001)} for name, v in (RETRAINED | changes).items()}
            made[kind, seed] = instrument.Model(values, views)
    return made


def said(instrument: Any, made: Any) -> dict[str, tuple[str, bool]]:
    return {subject: (word, right) for subject, word, right in instrument.unit(made, "random_samples:fraction=0.1", range(4), range(4, 8))}


def test_models_of_known_answer_get_their_word(instrument: Any) -> None:
    found = said(instrument, bank(instrument))
    assert {subject: right for subject, (_, right) in found.items() if not right} == {}
    assert found["retrained"][0] == "consistent with retraining"
    assert "head_mask" not in found  # no whole class is forgotten


def test_a_control_that_is_none_is_not_called_right(instrument: Any) -> None:
    """An instrument that says the expected word whatever it sees would pass otherwise."""
    honest: tuple[float, dict[str, float]] = (0.0, {})
    found = said(
        instrument, bank(instrument, leaky_retrain=honest, destroyed=honest, relabelled=honest, head_distillation=honest, nothing=honest)
    )
    assert not any(right for subject, (_, right) in found.items() if subject != "retrained")


def test_an_alarm_against_honest_models_is_counted_and_bounded(instrument: Any) -> None:
    row = instrument.row(
        "s", "none", "retrained", ["residual", *["consistent with retraining"] * 18, "inconclusive"], [False, *[True] * 18, False]
    )
    assert (row["false_alarms"], row["right"]) == (0.05, 0.9)
    assert 0.2 < row["false_alarms_at_most"] < 0.22
    assert "false alarms 0.05" in instrument.text(row)


def test_blocks_of_a_round_share_no_model_and_nobody_is_judged_by_himself(instrument: Any) -> None:
    found = list(instrument.blocks(11, 3, 2))
    assert len(found) == 2 * 3
    for place in (found[:3], found[3:]):
        assert len({s for seeds, _ in place for s in seeds}) == 9
        assert len({s for _, other in place for s in other}) == 9
    assert not any(set(seeds) & set(other) for seeds, other in found)
