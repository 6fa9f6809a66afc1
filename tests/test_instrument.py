"""The acceptance of the verdict, on made-up models of known answer; the whole of it on trained ones: python benchmarks/instrument.py."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest
from pyarrow import parquet

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
    found = {}
    for made_by in dict.fromkeys(name for name, _ in made):
        ((references, subjects), *_) = instrument.units(made, made_by, 4, 1)
        found[made_by] = instrument.unit(made, "random_samples:fraction=0.1", references, made_by, subjects)
    return found


def test_models_of_known_answer_get_their_word(instrument: Any) -> None:
    found = said(instrument, bank(instrument))
    assert {subject: right for subject, (_, right) in found.items() if not right} == {}
    assert found["retrain"][0] == "consistent with retraining"


def test_a_control_that_is_none_is_not_called_right(instrument: Any) -> None:
    """An instrument that says the expected word whatever it sees would pass otherwise."""
    honest: tuple[float, dict[str, float]] = (0.0, {})
    found = said(
        instrument, bank(instrument, leaky_retrain=honest, destroyed=honest, relabelled=honest, head_distillation=honest, nothing=honest)
    )
    assert not any(right for subject, (_, right) in found.items() if subject != "retrain")


HONEST = [("residual", False), *[("consistent with retraining", True)] * 18, ("inconclusive", False)]


def test_an_alarm_against_honest_models_is_counted_and_bounded_for_all_units_and_for_those_apart(instrument: Any) -> None:
    row = instrument.row("g", "none", "retrain", 5, 10, HONEST)
    assert (row["false_alarms"], row["right"], row["units"], row["apart"]) == (0.05, 0.9, 20, 10)
    assert 0.2 < row["false_alarms_at_most"] < 0.22
    assert row["false_alarms_at_most_by_apart"] > row["false_alarms_at_most"]
    assert "false alarms 0.05" in instrument.text(row)


def rows(instrument: Any, acquitted: dict[int, int], alarms: int = 0, leaks: int = 100) -> list[dict[str, Any]]:
    made = []
    for seeds, n in acquitted.items():
        honest = [("consistent with retraining", True)] * n + [("residual", False)] * alarms
        honest += [("inconclusive", False)] * (100 - len(honest))
        leaky = [("residual", True)] * leaks + [("inconclusive", False)] * (100 - leaks)
        made += [
            instrument.row("all", "none", "retrain", seeds, 100, honest),
            instrument.row("all", "none", "leaky_retrain", seeds, 100, leaky),
        ]
    return made


@pytest.mark.parametrize(
    ("made", "seeds", "accepted"),
    [
        ({"acquitted": {3: 60, 4: 81, 5: 90}}, 4, True),
        ({"acquitted": {3: 85, 4: 79, 5: 90}}, 5, True),
        ({"acquitted": {3: 85, 4: 79}}, 4, False),
        ({"acquitted": {4: 85}, "alarms": 8}, 4, False),
        ({"acquitted": {4: 85}, "leaks": 94}, 4, False),
    ],
)
def test_accepted_is_what_acquits_accuses_nobody_honest_and_finds_every_control(
    instrument: Any, made: Any, seeds: Any, accepted: Any
) -> None:
    """At the fewest seeds from which on all of it holds; what holds at few seeds and no longer at more is luck."""
    found = instrument.acceptance(rows(instrument, **made), "none")
    assert (found["seeds"], found["accepted"]) == (seeds, accepted)


def test_blocks_of_a_round_share_no_model_and_nobody_honest_is_judged_by_himself(instrument: Any) -> None:
    made = dict.fromkeys([*(("retrain", s) for s in range(11)), *(("destroyed", s) for s in range(7))])
    found = instrument.units(made, "retrain", 3, 2)
    assert len(found) == 2 * 3
    for place in (found[:3], found[3:]):
        assert all(len({s for part in place for s in part[side]}) == 9 for side in (0, 1))
    assert not any(set(references) & set(subjects) for references, subjects in found)
    controls = instrument.units(made, "destroyed", 3, 2)
    assert len(controls) == 2 * 2
    assert {s for _, subjects in controls for s in subjects} <= set(range(7))


def test_the_part_of_cifar10_is_the_first_images_of_every_class(instrument: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [1, 0, 1, 1, 0, 0]
    (tmp_path / "cifar10").mkdir()
    for kind in ("train", "test"):
        table = pyarrow.table({"image": [str(i) for i in range(6)], "label": labels})
        parquet.write_table(table, tmp_path / "cifar10" / f"{kind}-00000-of-00001.parquet")
    monkeypatch.setattr(instrument, "TRAIN_IMAGES", 2)
    monkeypatch.setattr(instrument, "TEST_IMAGES", 1)
    instrument.write_part(tmp_path, tmp_path / "part")
    read = [parquet.read_table(tmp_path / "part" / f"{kind}-0.parquet")["image"].to_pylist() for kind in ("train", "test")]
    assert read == [["0", "1", "2", "4"], ["0", "1"]]
