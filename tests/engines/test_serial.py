from typing import Any

from canforget.engines.serial import serial
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome


def steps(*names: Any, needs: Any = None) -> Any:
    """Steps named by letters; `needs` maps a letter to those it waits for."""
    needs = needs or {}
    return {("v", n): Step("v", n, tuple(("v", m) for m in needs.get(n, "")), n, {}) for n in names}


def test_every_step_is_done_after_what_it_needs() -> None:
    found = [o.step.key for o in serial(Graph(steps(*"abcd", needs={"b": "a", "c": "a", "d": "bc"})), lambda s: Outcome(s, "done"))]
    assert sorted(found) == list("abcd")
    assert found[0] == "a"
    assert found[-1] == "d"


def test_a_failed_step_costs_what_needs_it_and_nothing_else() -> None:
    def work(step: Any) -> Any:
        return Outcome(step, "failed", error="broke") if step.key == "a" else Outcome(step, "done")

    found = {o.step.key: o for o in serial(Graph(steps(*"abcd", needs={"b": "a", "c": "b"})), work)}
    assert [found[k].status for k in "abcd"] == ["failed", "skipped", "skipped", "done"]
    assert found["b"].error == "needs what failed: a"


def test_what_needs_a_damaged_artifact_is_lost_for_the_round_and_not_failed() -> None:
    """It is to be tried again when the artifact has been computed anew."""

    def work(step: Any) -> Any:
        return Outcome(step, "lost") if step.key == "a" else Outcome(step, "done")

    found = {o.step.key: o.status for o in serial(Graph(steps(*"abcd", needs={"b": "a", "c": "b"})), work)}
    assert found == {"a": "lost", "b": "lost", "c": "lost", "d": "done"}
