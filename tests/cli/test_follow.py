"""A run is carried out, watched from another process, and its failed step done again by the command that was printed."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from canforget.study.run_events import EVENTS, recorded_events
from tests.calling import call
from tests.study.test_run_state import PLAN

PLUGIN = '''
from pathlib import Path
from canforget import component

@component("unlearners")
def fickle(model, forget, retain, *, rng):
    """Returns the model, once a file says so."""
    if not Path("mended").exists():
        raise RuntimeError("out of luck")
    return model
'''
STUDY = (
    "--datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners plugin/fickle --set fit.epochs=1 judged_retain=50"
)


def test_a_failed_step_is_named_with_a_command_that_does_it_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my plugin.py").write_text(PLUGIN)
    code, out, err = call(capsys, "run", *STUDY.split(), "--plugin", "my plugin.py")
    assert code == 1
    assert "failed: unlearn by plugin/fickle" in err
    assert "1 step failed, and 2 that need it were skipped:" in out
    (again,) = [line.strip().removeprefix("again: ") for line in out.splitlines() if "again: " in line]
    code, said, _ = call(capsys, "watch", "--once")
    assert code == 1 and f"again: {again}" in said and "It has ended" in said

    assert call(capsys, *shlex.split(again)[1:])[0] == 1
    (tmp_path / "mended").touch()
    code, said, _ = call(capsys, *shlex.split(again)[1:])
    assert (code, said.partition(" by")[0]) == (0, "done: unlearn")
    code, said, _ = call(capsys, "run", *STUDY.split(), "--plugin", "my plugin.py", "--json")
    assert code == 0 and json.loads(said)["computed"] == 2
    events = [json.loads(line) for line in call(capsys, "watch", "--json")[1].splitlines()]
    assert events[0]["event"] == "plan" and events[-1]["event"] == "end"
    assert events[-1]["ended"] == events[-1]["of"] == len(events[0]["steps"])
    assert all("label" in e for e in events if "step" in e)


def test_a_run_that_was_killed_says_so_and_how_to_go_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text(json.dumps(PLAN) + "\n" + json.dumps({"event": "start", "step": 0, "worker": "2", "t": 1.0}) + "\n")
    code, out, _ = call(capsys, "watch", tmp_path)
    assert code == 1
    assert "runs on worker 2: train x (seed 0)" in out
    assert "It was killed, or its machine went down" in out and "To go on: canforget run s.toml" in out


def test_a_run_that_goes_on_is_told_as_it_stands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with recorded_events(tmp_path) as tell:
        tell(PLAN)
        tell({"event": "done", "step": 0, "seconds": 2.0})
        code, out, _ = call(capsys, "watch", tmp_path, "--once")
    assert code == 0
    assert out.startswith("demo: 1 of 3 steps, 2 s left")
    assert "killed" not in out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("unlearn", "write a verb and the first digits"),
        ("unlaern/12", "did you mean 'unlearn'?"),
        ("train/zz", "no step of this name"),
        ("judge/", "write a verb"),
    ],
)
def test_a_step_that_is_none_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any, says: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    study = STUDY.replace("plugin/fickle", "finetune").split()
    code, out, err = call(capsys, "run", *study, "--step", name)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert says in err
    assert list(tmp_path.iterdir()) == []
