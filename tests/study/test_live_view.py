import io

import pytest

from canforget.study.live_view import viewing
from tests.study.test_run_state import PLAN

EVENTS = [
    PLAN,
    {"event": "start", "step": 0, "worker": "1"},
    {"event": "done", "step": 0, "seconds": 30.0},
    {"event": "cached", "step": 1},
    {"event": "failed", "step": 2, "error": "diverged"},
]


def test_a_log_gets_one_line_a_step_and_failures_with_their_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with viewing(person=False) as view:
        for event in EVENTS:
            view.show(event)
    assert capsys.readouterr().err.splitlines() == ["[1/3] 30.0 s  train x (seed 0) (30 s left)", "failed: train y (seed 0): diverged"]


def test_a_person_sees_what_runs_where_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    out = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **options: Console(file=out, force_terminal=True, width=120))
    with viewing(person=True) as view:
        for event in EVENTS[:3]:
            view.show(event)
        view.show({"event": "start", "step": 1, "worker": "2", "t": 31.0})
        view.live.refresh()
    assert "1 of 3 steps" in out.getvalue() and "30 s left" in out.getvalue()
    assert "2  train x (seed 1)" in out.getvalue()


def test_no_label_can_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with viewing(person=False) as view:
        view.show(PLAN | {"steps": [["train", "a", "evil\x1b[2J\nname"]]})
        view.show({"event": "done", "step": 0, "seconds": 1.0})
    assert "\x1b" not in (said := capsys.readouterr().err) and len(said.splitlines()) == 1
