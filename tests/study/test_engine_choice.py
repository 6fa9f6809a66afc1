"""A study that names no engine runs side by side where that pays, and says so; results are those of any engine."""

from typing import Any

import pytest

from canforget.data.memory_limit import memory_limit
from canforget.study.engine_choice import FEWEST_STEPS, EngineChoice, chosen_engine, usable_cores

ROOMY: dict[str, Any] = {"device": "cpu", "cores": 8, "memory": 64 * 2**30}


def test_many_steps_run_side_by_side_on_every_core_that_has_memory() -> None:
    found = chosen_engine(FEWEST_STEPS, **ROOMY)
    assert (found.engine, found.workers) == ("processes", 8)
    assert found.said == "60 steps, 8 at a time in processes of their own (one at a time: --engine serial)"
    assert chosen_engine(1000, **ROOMY | {"memory": 7 * 2**30}).workers == 2


@pytest.mark.parametrize(
    ("steps", "changes"),
    [(FEWEST_STEPS - 1, {}), (1000, {"cores": 1}), (1000, {"memory": 4 * 2**30}), (1000, {"device": "cuda"}), (1000, {"workers": 1})],
)
def test_few_steps_one_core_little_memory_or_a_gpu_are_left_to_one_process(steps: int, changes: dict[str, Any]) -> None:
    """Eight processes would each hold a copy of the images, or share one GPU's memory."""
    assert chosen_engine(steps, **ROOMY | changes) == EngineChoice("serial", None)


@pytest.mark.parametrize("asked", [{"workers": 3}, {"limited": True}])
def test_what_only_processes_can_do_is_done_by_them_however_few_the_steps(asked: dict[str, Any]) -> None:
    assert chosen_engine(1, **ROOMY | {"cores": 1} | asked) == EngineChoice("processes", asked.get("workers"))


def test_the_machine_has_a_core_and_memory() -> None:
    assert usable_cores() >= 1
    assert memory_limit() > 2**28
