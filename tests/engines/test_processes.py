import os
import subprocess
import sys
import time
from multiprocessing import Pipe, active_children
from pathlib import Path
from typing import Any

import pytest

from canforget.engines.processes import processes, serve
from canforget.study.engine_options import EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome


def steps(*names: Any, needs: Any = None) -> Any:
    """Steps named by letters; `needs` maps a letter to those it waits for."""
    needs = needs or {}
    return {("v", n): Step("v", n, tuple(("v", m) for m in needs.get(n, "")), n, {}) for n in names}


def fails_at_a(step: Any) -> Any:
    return Outcome(step, "failed", error="broke") if step.key == "a" else Outcome(step, "done")


def dies_at_a(step: Any) -> Any:
    if step.key == "a":
        os._exit(1)
    return Outcome(step, "done")


def test_steps_come_after_what_they_need_and_a_failed_one_costs_only_what_needs_it() -> None:
    found = [
        (o.step.key, o.status) for o in processes(Graph(steps(*"abcdef", needs={"b": "a", "c": "b", "f": "e"})), fails_at_a, workers=2)
    ]
    assert dict(found) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "done", "e": "done", "f": "done"}
    order = [key for key, _ in found]
    assert order.index("f") > order.index("e")


def lost_at_a(step: Any) -> Any:
    return Outcome(step, "lost" if step.key == "a" else "done", notes=("damaged",))


def test_what_needs_a_damaged_artifact_is_lost_for_the_round_and_lines_come_back_from_the_workers() -> None:
    found = {o.step.key: (o.status, o.notes) for o in processes(Graph(steps(*"abc", needs={"b": "a"})), lost_at_a, workers=1)}
    assert found == {"a": ("lost", ("damaged",)), "b": ("lost", ()), "c": ("done", ("damaged",))}


def test_a_worker_that_dies_is_replaced_and_its_step_fails_after_a_second_try() -> None:
    found = {o.step.key: o.status for o in processes(Graph(steps(*"abc")), dies_at_a, workers=1)}
    assert found == {"a": "failed", "b": "done", "c": "done"}


def hangs_at_a(step: Any) -> Any:
    time.sleep(600 if step.key == "a" else 0)
    return Outcome(step, "done")


def test_a_step_that_hangs_is_ended_and_costs_neither_its_worker_nor_other_steps() -> None:
    options = EngineOptions(step_limit=2)
    found = {o.step.key: o for o in processes(Graph(steps(*"abcd", needs={"d": "a"})), hangs_at_a, workers=1, options=options)}
    assert {k: o.status for k, o in found.items()} == {"a": "failed", "b": "done", "c": "done", "d": "skipped"}
    assert found["a"].error.startswith("took longer than 2 s and was ended")


def test_workers_that_cannot_begin_are_one_line_and_no_endless_loop(tmp_path: Path) -> None:
    """A script without its guard runs itself anew in every worker."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from canforget.engines.processes import processes\nfrom canforget.errors import EngineError\n"
        "from canforget.study.planned_steps import Step\nfrom canforget.study.schedule import Graph\n"
        "try:\n"
        "    list(processes(Graph({('v', 'a'): Step('v', 'a', (), 'a', {})}), print, workers=1))\n"
        "except EngineError as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "--engine processes: no worker can begin; a script must call this below `if __name__ == '__main__':`"
    ]


def test_whoever_stops_listening_leaves_no_process_behind() -> None:
    running = processes(Graph(steps(*"abc")), fails_at_a, workers=2)
    next(running)
    running.close()
    assert not active_children()


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """A study that is killed leaves nothing computing behind."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\nfrom canforget.engines.processes import ProcessWorker\n"
        "if __name__ == '__main__':\n"
        "    worker = ProcessWorker('1', time.sleep)\n"
        "    worker.start()\n"
        "    worker.answer()\n"
        "    worker.begin(60)\n"
        "    print(worker.process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not Path(f"/proc/{worker}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


@pytest.mark.parametrize("asked", [0, 1])
def test_a_worker_whose_driver_was_killed_ends_without_a_word(monkeypatch: pytest.MonkeyPatch, asked: int) -> None:
    """One that had just begun, or just ended its step, left a traceback on the terminal."""
    monkeypatch.setattr("signal.signal", lambda *given: None)
    ours, theirs = Pipe()
    done = []

    def work(step: Any) -> Any:
        ours.close()
        done.append(step.name)
        return Outcome(step, "done")

    if asked:
        ours.send(steps("a")["v", "a"])
    else:
        ours.close()
    serve(theirs, work)
    assert len(done) == asked
