"""The crew with workers that are played: no process, no clock but the one that the test moves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.progress import noting
from canforget.study.crew import LOSSES, Ended, carried_out_by
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome
from tests.study.stated_costs import StatedCosts

INNOCENT = "innocent"


@dataclass(eq=False)
class Actor:
    """A worker that ends its step when the staff says so."""

    name: str
    place: str = ""
    gpu: bool = True
    step: Step | None = None
    ended: int = 0

    def serves(self, step: Step) -> bool:
        return self.gpu or step.verb != "train"

    def begin(self, step: Step) -> None:
        assert self.step is None, "a worker carries out one step at a time"
        self.step = step

    def end(self) -> None:
        self.step = None
        self.ended += 1


@dataclass
class Stage:
    """All workers, ending one step at each wait: the oldest; `deaths` says of whose step how often the worker dies, `hangs` which never end."""

    workers: list[Actor]
    deaths: dict[str, list[str]] = field(default_factory=dict)
    hangs: Sequence[str] = ()
    memories: dict[str, float] = field(default_factory=dict)
    clock: float = 0.0
    seen: list[list[str]] = field(default_factory=list)

    def free(self, waiting: Sequence[Step]) -> Sequence[Actor]:
        return [w for w in self.workers if w.step is None]

    def wait(self, seconds: float | None) -> Sequence[Ended]:
        self.seen.append(sorted(f"{w.step.key}{w.place}" for w in self.workers if w.step))
        for worker in self.workers:
            if worker.step is not None and worker.step.key not in self.hangs:
                step, worker.step = worker.step, None
                how = self.deaths.get(step.key, [])
                return [Ended(worker, None, how.pop(0) == INNOCENT) if how else Ended(worker, Outcome(step, "done"))]
        assert seconds is not None, "nobody would ever wake up"
        self.clock += seconds
        return []

    def memory(self, place: str) -> float:
        return self.memories.get(place, float("inf"))


def steps(
    names: str, needs: dict[str, str] | None = None, verb: str = "v", seconds: Sequence[float] = (), peaks: Sequence[float] = ()
) -> dict[tuple[str, str], Step]:
    """Steps named by letters; `needs` maps a letter to those it waits for, and in their order they cost `seconds` and bytes of memory."""
    what = {n: {"seconds": s, "peak_bytes": p} for n, s, p in zip(names, seconds, peaks or [0] * len(seconds), strict=False)}
    return {(verb, n): Step(verb, n, tuple((verb, m) for m in (needs or {}).get(n, "")), n, what.get(n, {})) for n in names}


def outcomes(stage: Stage, graph: Graph, limit: float | None = None) -> dict[str, Outcome]:
    """What became of each step; of each exactly once."""
    found = list(carried_out_by(stage, graph, limit))
    assert len({o.step.key for o in found}) == len(found) == len(graph.steps)
    return {o.step.key: o for o in found}


@pytest.fixture
def said() -> Iterator[list[str]]:
    """The lines that were said."""
    lines: list[str] = []
    with noting(lines.append):
        yield lines


@given(
    edges=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=25),
    workers=st.integers(1, 4),
    deaths=st.lists(st.integers(0, 11), max_size=6),
)
def test_whatever_dies_every_step_ends_once_and_after_what_it_needs(edges: Any, workers: int, deaths: list[int]) -> None:
    letters = "abcdefghijkl"
    needs = {n: "".join(dict.fromkeys(letters[a] for a, b in edges if letters[b] == n and a < b)) for n in letters}
    stage = Stage([Actor(str(k), "xy"[k % 2]) for k in range(workers)], {letters[d]: ["dies"] for d in deaths})
    order: list[str] = []
    with noting(lambda line: None):
        for outcome in carried_out_by(stage, Graph(steps(letters, needs)), None):
            assert outcome.status == "done"
            assert set(needs[outcome.step.key]) <= set(order)
            order.append(outcome.step.key)
    assert sorted(order) == list(letters)


def test_a_step_that_takes_its_worker_down_is_tried_again_alone_and_then_has_failed(said: list[str]) -> None:
    """Two large steps side by side may have filled the memory; one that dies alone is itself the reason."""
    stage = Stage([Actor("1"), Actor("2")], {"a": ["dies", "dies"]})
    found = outcomes(stage, Graph(steps("abcde", {"e": "a"})))
    assert found["a"].status == "failed" and "died twice" in found["a"].error
    assert found["e"].status == "skipped"
    assert [found[k].status for k in "bcd"] == ["done"] * 3
    assert stage.seen[0] == ["a", "b"]
    assert ["a"] in stage.seen[1:]
    assert said == ["a worker process died (out of memory?): tried again, alone: a"]


def test_a_suspect_is_alone_at_its_place_and_other_places_go_on(said: list[str]) -> None:
    """On a cluster the whole of it need not stand still."""
    stage = Stage([Actor("1", "x"), Actor("2", "x"), Actor("3", "y"), Actor("4", "y")], {"a": ["dies"]})
    assert all(o.status == "done" for o in outcomes(stage, Graph(steps("abcdefgh"))).values())
    alone = [seen for seen in stage.seen[1:] if any(s.startswith("a") for s in seen)]
    place = next(s[1] for s in alone[0] if s.startswith("a"))
    assert all(sum(s.endswith(place) for s in seen) == 1 for seen in alone)
    assert any(len(seen) > 1 for seen in alone)


def test_a_lost_machine_is_nobodys_fault_until_it_was_lost_too_often(said: list[str]) -> None:
    found = outcomes(Stage([Actor("1")], {"a": [INNOCENT] * (LOSSES - 1)}), Graph(steps("ab")))
    assert found["a"].status == "done"
    assert said == ["a machine was lost: tried again elsewhere: a"] * (LOSSES - 1)
    found = outcomes(Stage([Actor("1")], {"a": [INNOCENT] * LOSSES}), Graph(steps("ab")))
    assert (found["a"].status, found["b"].status) == ("failed", "done")


def test_a_step_that_hangs_is_ended_named_and_costs_only_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage([Actor("1"), Actor("2")], hangs="a")
    monkeypatch.setattr("canforget.study.crew.time.monotonic", lambda: stage.clock)
    found = outcomes(stage, Graph(steps("abc", {"c": "a"})), limit=60)
    assert found["a"].error == "took longer than 60 s and was ended; allow it more by --step-limit"
    assert [found[k].status for k in "abc"] == ["failed", "done", "skipped"]
    assert (stage.clock, [w.ended for w in stage.workers]) == (60, [1, 0])


def test_the_longest_way_to_the_end_begins_first() -> None:
    stage = Stage([Actor("1")])
    outcomes(stage, Graph(steps("abcd", {"d": "c"}, seconds=[1, 5, 1, 9]), costs=StatedCosts()))
    assert stage.seen == [["c"], ["d"], ["b"], ["a"]]


def test_steps_share_a_machine_as_its_memory_allows_and_the_largest_runs_alone() -> None:
    stage = Stage([Actor("1", "x"), Actor("2", "x")], memories={"x": 10})
    outcomes(stage, Graph(steps("abcd", seconds=[4, 3, 2, 1], peaks=[6, 6, 3, 99]), costs=StatedCosts()))
    assert stage.seen == [["ax", "cx"], ["bx", "cx"], ["cx"], ["dx"]]


def test_who_has_no_gpu_runs_no_network_and_whoever_waits_for_one_stops_no_other() -> None:
    graph = Graph(steps("abc", verb="train") | steps("de", verb="judge"))
    told: list[tuple[str, str]] = []
    graph.started = lambda step, worker: told.append((step.verb, worker))
    found = outcomes(Stage([Actor("cpu", gpu=False), Actor("gpu")]), graph)
    assert all(o.status == "done" for o in found.values())
    assert ("train", "cpu") not in told and ("judge", "cpu") in told
