import time
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.study import step_cost
from canforget.study.step_cost import COSTS, CostMeter, forget_peak, peak_bytes


def test_a_step_has_the_memory_that_it_held_and_not_what_an_earlier_one_did() -> None:
    """A process's peak only ever rises: without beginning anew, every step after the largest would look as large."""
    if not forget_peak():
        pytest.skip("this system's peak cannot begin anew")
    before, large = CostMeter(), numpy.ones(30_000_000)
    peak = before.costs()["peak_bytes"]
    after = CostMeter()
    del large
    small = CostMeter()
    assert peak - small.costs()["peak_bytes"] > 200e6
    assert after.costs()["peak_of"] == "step"


def test_seconds_of_the_clock_pass_in_sleep_and_those_of_the_processor_in_work() -> None:
    meter = CostMeter()
    time.sleep(0.05)
    slept = meter.costs()
    assert slept["seconds"] >= 0.05 > slept["cpu_seconds"]
    while time.process_time() - meter.processor < 0.05:
        pass
    assert meter.costs()["cpu_seconds"] >= 0.05


def test_where_the_peak_cannot_begin_anew_that_of_the_process_is_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(step_cost, "PROCESS", tmp_path / "none")
    found = CostMeter().costs()
    assert found["peak_of"] == "process"
    assert found["peak_bytes"] == peak_bytes() > 10e6


def test_the_store_holds_what_a_step_cost_and_records_hold_none_of_it_as_a_condition(done: Any) -> None:
    """Otherwise no two runs of one study would have equal conditions."""
    drawn, store, records = done
    for step in drawn.steps:
        found = store.provenance(*step.name)["conditions"]
        assert found["device"] == "cpu"
        assert found["seconds"] > 0 <= found["cpu_seconds"]
        assert found["peak_bytes"] > 50e6
    assert not any(set(COSTS) & record.conditions.keys() for record in records.values())
