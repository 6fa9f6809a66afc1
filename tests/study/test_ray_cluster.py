import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from canforget.engines.ray import ray
from canforget.errors import EngineError, NoClusterError, SpecError
from canforget.progress import noting
from canforget.study import ray_cluster
from canforget.study.engine_options import EngineOptions
from canforget.study.schedule import Graph, Job, Outcome, by_engine
from tests.study.test_crew import steps


class Library:
    """Ray, which fails to start as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked, self.ended = failures, list[dict[str, Any]](), 0

    def is_initialized(self) -> bool:
        return False

    def init(self, **asked: Any) -> None:
        self.asked.append(asked)
        if len(self.asked) <= self.failures:
            raise Exception("Some lines.\nThe node timed out.")

    def shutdown(self) -> None:
        self.ended += 1


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A library that fails so often."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def play(failures: int) -> Library:
        library = Library(failures)
        monkeypatch.setattr(ray_cluster, "quiet_ray", lambda: library)
        return library

    return play


def test_a_slow_start_is_tried_once_more(played: Any) -> None:
    library = played(1)
    with ray_cluster.ray_cluster(EngineOptions(cpus_per_step=3), 2) as found:
        assert found is library
    assert [a["num_cpus"] for a in library.asked] == [6, 6]
    assert all(a["address"] == "local" and a["object_store_memory"] < 10**8 and not a["log_to_driver"] for a in library.asked)
    assert library.ended == 2


def test_where_ray_does_not_start_the_study_goes_on_in_processes_and_says_so(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not end a study; and nobody must believe that a cluster carried it out."""
    played(2)
    lines, asked = list[str](), list[Any]()

    def instead(graph: Graph, work: Any, **given: Any) -> Any:
        asked.append(given)
        yield from (graph.finish(Outcome(step, "done")) for step in graph.ready())

    monkeypatch.setattr("canforget.engines.processes.processes", instead)
    options = EngineOptions(step_limit=9)
    with noting(lines.append):
        found = list(by_engine("ray", Graph(steps("ab")), Job(Path("store"), None, "cpu"), None, options))
    assert [o.status for o in found] == ["done", "done"]
    assert lines == ["--engine ray: Ray did not start, twice (The node timed out.); going on with --engine processes"]
    assert asked == [{"workers": None, "options": options}]


def test_a_cluster_that_was_named_has_no_stand_in(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for address, named in (("10.0.0.1:6379", ""), ("", "10.0.0.1:6379")):
        monkeypatch.setenv("RAY_ADDRESS", named)
        library = played(1)
        with pytest.raises(EngineError, match=r"--ray-address 10.0.0.1:6379: no cluster can be reached there \(The node") as refused:
            list(ray(Graph(steps("a")), lambda step: Outcome(step, "done"), options=EngineOptions(ray_address=address)))
        assert not isinstance(refused.value, NoClusterError)
        assert [a["address"] for a in library.asked] == ["10.0.0.1:6379"]


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SpecError, match=r"--engine ray: ray is not installed \(pip install 'canforget\[cluster\]'\)"):
        ray_cluster.quiet_ray()


def test_ray_keeps_quiet_and_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints to standard output when a machine is lost, where the JSON of a study goes."""
    inner = ModuleType("ray._private.worker")
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray._private", ModuleType("ray._private"))
    monkeypatch.setitem(sys.modules, "ray._private.worker", inner)
    monkeypatch.setenv("RAY_worker_niceness", "7")
    monkeypatch.delenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", raising=False)
    ray_cluster.quiet_ray()
    assert vars(inner)["_worker_logs_enabled"] is False
    assert logging.getLogger("ray").level == logging.ERROR
    assert [os.environ[name] for name in ("RAY_worker_niceness", "RAY_ENABLE_UV_RUN_RUNTIME_ENV")] == ["7", "0"]
