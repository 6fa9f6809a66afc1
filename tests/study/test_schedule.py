import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from canforget.engines.processes import processes
from canforget.engines.serial import serial
from canforget.errors import SpecError
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.planned_steps import Step
from canforget.study.run import run
from canforget.study.schedule import Graph, Outcome, missing
from canforget.study.store import Store

ENGINES = [serial, partial(processes, workers=2)]


def steps(*names, needs=None):
    """Steps named by letters; `needs` maps a letter to those it waits for."""
    needs = needs or {}
    return {("v", n): Step("v", n, tuple(("v", m) for m in needs.get(n, "")), n, {}) for n in names}


def fine(step):
    return Outcome(step, "done", 0.0)


def fails_at_a(step):
    return Outcome(step, "failed", error="broke") if step.key == "a" else Outcome(step, "done")


def dies_at_a(step):
    if step.key == "a":
        os._exit(1)
    return Outcome(step, "done")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_does_every_step_after_what_it_needs(engine):
    found = [o.step.key for o in engine(Graph(steps(*"abcd", needs={"b": "a", "c": "a", "d": "bc"})), fine)]
    assert sorted(found) == list("abcd")
    assert found[0] == "a"
    assert found[-1] == "d"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_failed_step_costs_what_needs_it_and_nothing_else(engine):
    found = {o.step.key: o for o in engine(Graph(steps(*"abcd", needs={"b": "a", "c": "b"})), fails_at_a)}
    assert [found[k].status for k in "abcd"] == ["failed", "skipped", "skipped", "done"]
    assert found["b"].error == "needs what failed: a"


def test_a_worker_that_dies_is_replaced_and_its_step_fails_after_a_second_try():
    found = {o.step.key: o.status for o in processes(Graph(steps(*"abc")), dies_at_a, workers=1)}
    assert found == {"a": "failed", "b": "done", "c": "done"}


def small(**changes):
    given = {
        "datasets": "digits",
        "models": "tiny_cnn",
        "scenarios": "whole_class:classes=3",
        "unlearners": "finetune:fit.epochs=1",
        "fit": {"epochs": 1},
    }
    return plan(Study.of(**given | changes))


def test_a_run_gives_a_record_a_case_and_running_again_computes_nothing(tmp_path):
    drawn, seen = small(), []
    first = run(drawn, tmp_path)
    again = run(drawn, tmp_path, notify=seen.append)
    assert first == again
    assert {o.status for o in seen} == {"cached"}
    assert not missing(drawn, Store(tmp_path))
    assert [r.case.unlearner for r in first] == ["retrain", "nothing", "finetune:fit.epochs=1"]
    assert first[0].values["forget.accuracy"].value == 0.0


def test_results_do_not_depend_on_the_engine(tmp_path):
    """Two cores' worth of processes or one: the name and the numbers of a result are the same."""
    drawn = small(quantizers=["none", "int"])
    one = run(drawn, tmp_path / "a")
    two = run(drawn, tmp_path / "b", engine="processes", workers=2)
    assert [r.steps for r in one] == [r.steps for r in two]
    assert [r.values["test.accuracy"].value for r in one] == pytest.approx([r.values["test.accuracy"].value for r in two], abs=0.02)


def test_a_diverging_method_is_an_error_of_its_case_alone(tmp_path):
    records = run(small(unlearners=["finetune:fit.epochs=1,fit.lr=1e30"]), tmp_path)
    assert [bool(r.not_run) for r in records] == [False, False, True]
    assert "diverged" in records[2].not_run


def test_a_method_that_cannot_act_on_a_scenario_is_not_run_with_its_reason(tmp_path):
    drawn = small()
    refused = [c for c in drawn.cases if c.not_run]
    assert refused == []


def test_an_unknown_engine_is_named_with_a_suggestion(tmp_path):
    with pytest.raises(SpecError, match="no engine 'proceses'; did you mean 'processes'"):
        run(small(), tmp_path, engine="proceses")


def test_control_c_loses_nothing_that_was_finished(tmp_path):
    """The command line leaves with one line; the same command goes on."""
    command = [sys.executable, "-m", "canforget", "run", "--datasets", "digits", "--models", "tiny_cnn", "--scenarios", "whole_class:classes=3",
               "--unlearners", "finetune", "--seeds", "9"]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    done = tmp_path / "canforget-store" / "train"
    deadline = time.monotonic() + 60
    while not (done.exists() and any(done.glob("*/*/step.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; what was finished is kept" in err
    assert "Traceback" not in err
    assert any(done.glob("*/*/step.json"))


def test_workers_end_with_a_killed_parent(tmp_path):
    """A study that is killed leaves nothing computing behind."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\nfrom canforget.engines.processes import Pool\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(print, 1)\n"
        "    print(pool.executor.submit(os.getpid).result(), flush=True)\n"
        "    pool.executor.submit(time.sleep, 60)\n"
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
