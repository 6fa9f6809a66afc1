"""Ray itself, on clusters of real processes; what follows from its answers is tested with a played library, in tests/study/test_ray_*.py."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canforget.report.record import load_records
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import run
from tests.engines.ray_nodes import ROOT, Nodes, ray_nodes

pytest.importorskip("ray")

PLUGIN = '''
import os
from pathlib import Path

from canforget import component

@component("unlearners")
def wild(model, forget, retain, *, rng):
    """Kills its worker, where a file says so; returns the model."""
    if Path("wild").exists():
        os._exit(1)
    return model
'''
STUDY = {"datasets": "digits", "models": "tiny_cnn:width=4", "scenarios": "whole_class:classes=3", "unlearners": ["neggrad_plus:fit.epochs=1", "plugin/wild"], "fit": {"epochs": 1}, "judged_retain": 50}  # fmt: skip
FLAGS = ["--datasets", "digits", "--models", "tiny_cnn:width=4", "--scenarios", "whole_class:classes=3", "--unlearners", "neggrad_plus:fit.epochs=1", "plugin/wild", "--set", "fit.epochs=1", "judged_retain=50", "--plugin", "plugin.py"]  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two machines of one core, one of them with a GPU that is none."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        try:
            with ray_nodes(Path(folder), {"num_cpus": 1}, {"num_cpus": 1, "num_gpus": 1}) as cluster:
                yield cluster
        except TimeoutError:
            pytest.skip("Ray did not start: it waits 15 seconds for each of its agents, and this machine is too busy")


def begin(folder: Path, address: str, *more: str) -> Any:
    """`canforget run` on a cluster."""
    about = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "canforget", "run", *FLAGS, "--engine", "ray", "--ray-address", address, *more]
    return subprocess.Popen(command, cwd=folder, env=about, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(records: Any) -> Any:
    """What must not differ between two runs: everything but how long it took, and where."""
    return [(r.case, r.values, r.not_run, r.verdict, r.hyperparameters, r.bytes, r.coverage, r.data, r.steps) for r in records]


def test_a_cluster_gives_the_records_of_the_serial_engine_and_says_nothing_else(nodes: Nodes, tmp_path: Path) -> None:
    """With a plugin, relative paths, a GPU in halves and a worker that dies; then stopped by Ctrl-C, and gone on with."""
    from canforget.registry import add_plugin

    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "wild").touch()
    first = begin(tmp_path, nodes.address, "--gpus-per-step", "0.5", "--step-limit", "300")
    out, err = first.communicate(timeout=200)
    assert first.returncode == 1, err
    lines = [line for line in err.splitlines() if not line.startswith("[")]
    assert lines[0].startswith("a worker process died (out of memory?): tried again, alone: unlearn by plugin/wild")
    assert lines[1].startswith("failed: unlearn by plugin/wild") and "its worker process died twice" in lines[1]
    assert all(line.startswith("skipped: ") for line in lines[2:])
    assert "ray" not in (out + err).replace("--engine ray --ray-address", "")

    (tmp_path / "wild").unlink()
    again = begin(tmp_path, nodes.address)
    out, err = again.communicate(timeout=200)
    assert again.returncode == 0, err
    add_plugin(tmp_path / "plugin.py")
    assert told(load_records(tmp_path / "canforget-results")) == told(run(plan(Study.of(**STUDY)), tmp_path / "serial"))


@pytest.mark.slow
def test_control_c_ends_a_run_on_a_cluster_with_one_line(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = begin(tmp_path, nodes.address)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("canforget-store/split/*/*/step.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [line for line in err.splitlines() if not line.startswith("[")] == [
        "canforget: stopped; what was finished is kept, the same command goes on from there"
    ]


@pytest.mark.slow
def test_a_node_or_the_driver_killed_in_the_middle_of_241_steps_changes_no_record() -> None:
    """The whole of it, with its figures: python benchmarks/cluster.py."""
    command = [sys.executable, str(ROOT / "benchmarks" / "cluster.py"), "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "the cluster did not start" in done.stderr:
        pytest.skip("Ray did not start: it waits 15 seconds for each of its agents, and this machine is too busy")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["steps"] >= 200
    assert not found["node_killed"]["records_differ"] and not found["driver_killed"]["records_differ"]
    assert any(line.startswith("a machine was lost: ") for line in found["node_killed"]["lines"])
    assert found["driver_killed"]["killed_after_steps"] + found["driver_killed"]["computed_by_the_second"] <= found["steps"] + 3
    assert not found["bucket"]["records_differ"] and not found["kills"]["wrong"]
    assert found["speed"]["runs_with_other_records"] == 0
    assert found["speed"]["overhead_ms"]["median"] < 20
