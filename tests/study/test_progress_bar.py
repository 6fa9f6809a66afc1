import io

import pytest

from canforget.study.planned_steps import Step
from canforget.study.progress_bar import Watch, watching
from canforget.study.schedule import Outcome

STEPS = [Step("train", k, (), f"train {k}", {}) for k in "abc"]


def test_the_time_left_follows_what_steps_have_taken() -> None:
    watch = Watch(STEPS, workers=2)
    assert watch.left() == pytest.approx(3 * 120 / 2)
    watch.notify(Outcome(STEPS[0], "done", 10.0))
    assert watch.left() == pytest.approx(2 * 10 / 2)


def test_a_log_gets_one_line_a_step_and_failures_are_told_when_they_happen(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(STEPS, 1, person=False) as watch:
        watch.notify(Outcome(STEPS[0], "done", 1.0))
        watch.notify(Outcome(STEPS[1], "failed", 1.0, "diverged"))
        watch.notify(Outcome(STEPS[2], "cached"))
    assert capsys.readouterr().err.splitlines() == ["[1/3] 1.0 s  train a", "failed: train b: diverged"]
    assert [f.error for f in watch.failures] == ["diverged"]
    assert watch.computed == 1


def test_a_person_gets_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    out = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **options: Console(file=out, force_terminal=True, width=120))
    with watching(STEPS, 1, person=True) as watch:
        watch.advance(0.5)
        watch.notify(Outcome(STEPS[0], "done", 30.0))
        watch.bar.refresh()
    assert "1 min 00 s left" in out.getvalue()
    assert "1/3" in out.getvalue()
