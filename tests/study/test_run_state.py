import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.study.run_state import RunState

PLAN = {
    "event": "plan", "study": "demo", "command": "canforget run s.toml", "workers": 2, "t": 0.0,
    "steps": [["train", "a" * 64, "train x (seed 0)"], ["train", "b" * 64, "train x (seed 1)"], ["train", "c" * 64, "train y (seed 0)"]],
}  # fmt: skip


def state(*events: dict[str, object]) -> RunState:
    found = RunState()
    for event in (PLAN, *events):
        found.tell(event)
    return found


def test_the_time_left_follows_what_steps_have_cost() -> None:
    assert state().left() == pytest.approx(3 * 120 / 2)
    assert state({"event": "done", "step": 0, "seconds": 10.0}).left() == pytest.approx(10)


def test_a_step_is_expected_to_cost_what_it_cost_with_another_seed() -> None:
    """One mean for tiny and large nets was wrong for both."""
    found = state({"event": "done", "step": 0, "seconds": 10.0}, {"event": "done", "step": 2, "seconds": 100.0})
    assert found.expected(1) == 10
    assert state({"event": "done", "step": 2, "seconds": 100.0}).expected(1) == 100


def test_before_a_step_like_it_has_ended_here_a_step_is_expected_to_take_what_the_store_told() -> None:
    told = RunState()
    told.tell({**PLAN, "expected": [30.0, 40.0, 0]})
    assert [told.expected(p) for p in range(3)] == [30, 40, 120]
    told.tell({"event": "done", "step": 0, "seconds": 10.0})
    assert [told.expected(p) for p in (1, 2)] == [10, 10]


def test_what_a_running_step_has_had_is_no_longer_left_and_a_step_that_takes_longer_costs_nothing_negative() -> None:
    found = state(
        {"event": "done", "step": 0, "seconds": 10.0},
        {"event": "done", "step": 2, "seconds": 1.0},
        {"event": "start", "step": 1, "worker": "1", "t": 4.0},
    )
    assert found.running == {1: ("1", 4.0)}
    assert found.left(10.0) == pytest.approx(4.0)
    assert found.left(1000.0) == 0


def test_a_failed_step_is_kept_with_the_command_that_does_it_again() -> None:
    found = state({"event": "failed", "step": 1, "error": "diverged"}, {"event": "skipped", "step": 2, "error": "needs what failed"})
    assert [(f.label, f.error, f.again) for f in found.failures] == [
        ("train x (seed 1)", "diverged", "canforget run s.toml --step train/bbbbbbbbbbbb")
    ]
    assert found.headline().startswith("demo: 2 of 3 steps, 1 failed, 1 skipped, ")


@given(st.lists(st.fixed_dictionaries({"event": st.sampled_from(["plan", "start", "done", "progress", "end", "?"])}, optional={
    k: st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
    for k in ("step", "t", "seconds", "fraction", "steps", "workers", "worker", "error", "expected")
})))  # fmt: skip
def test_no_event_whatever_it_holds_breaks_a_view(events: list[dict[str, object]]) -> None:
    found = state(*events)
    assert found.left() >= 0
    assert isinstance(found.headline(), str)
