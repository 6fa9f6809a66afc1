"""Executes the graph of steps on an engine: caching, resumption, failures that cost only what needs them, damaged artifacts made again."""

import time
import traceback
from collections.abc import Callable, Container, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

from canforget.errors import CanforgetError, DamagedError, NoClusterError
from canforget.network.freed_memory import freed_memory_kept
from canforget.progress import note, noting
from canforget.registry import add_plugin
from canforget.study.engine_options import EngineOptions
from canforget.study.environment import machine, versions
from canforget.study.expected_costs import ExpectedCosts
from canforget.study.plan import Plan
from canforget.study.planned_steps import Step
from canforget.study.remote_store import store_at
from canforget.study.step_cost import CostMeter
from canforget.study.store import Store
from canforget.study.tracking import tracked
from canforget.user_code import error_line, user_frame


@dataclass(frozen=True)
class Outcome:
    """What became of a step: done, cached, failed (with the error), skipped (what it needs failed), or lost (what it needs was damaged)."""

    step: Step
    status: str
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = ()


Started = Callable[[Step, str], None]


def unheard(step: Step, worker: str) -> None:
    """Nobody listens."""


@dataclass
class Graph:
    """The steps still to do, in an order that respects what they need; the one thing that an engine sees of a plan."""

    steps: dict[tuple[str, str], Step]
    sorter: TopologicalSorter[tuple[str, str]] = field(default_factory=TopologicalSorter)
    failed: set[tuple[str, str]] = field(default_factory=set)
    lost: set[tuple[str, str]] = field(default_factory=set)
    started: Started = unheard
    """Engines tell it of each step that a worker begins with, and which worker."""
    costs: ExpectedCosts = field(default_factory=ExpectedCosts)

    def __post_init__(self) -> None:
        for name, step in self.steps.items():
            self.sorter.add(name, *(n for n in step.needs if n in self.steps))
        self.sorter.prepare()

    @property
    def active(self) -> bool:
        """Whether anything is left to do or under way."""
        return self.sorter.is_active()

    def ready(self) -> list[Step]:
        """The steps that can be started now."""
        return [self.steps[name] for name in self.sorter.get_ready()]

    def blocked(self, step: Step) -> Outcome | None:
        """The outcome of a step whose needs failed, or are to be computed again."""
        failed = [self.steps[n].label for n in step.needs if n in self.failed]
        if failed:
            return Outcome(step, "skipped", error=f"needs what failed: {failed[0]}")
        return Outcome(step, "lost") if self.lost.intersection(step.needs) else None

    def finish(self, outcome: Outcome) -> Outcome:
        """Notes an outcome, so that the steps that waited for it become ready."""
        if outcome.status in ("failed", "skipped"):
            self.failed.add(outcome.step.name)
        elif outcome.status == "lost":
            self.lost.add(outcome.step.name)
        self.sorter.done(outcome.step.name)
        return outcome


@dataclass(frozen=True)
class Job:
    """What a worker needs to carry out any step: where, and the plugins to know."""

    root: Path
    data_dir: Path | None
    device: str
    plugins: tuple[tuple[str, str], ...] = ()
    threads: int = 0
    track: Path | None = None

    def __call__(self, step: Step) -> Outcome:
        """Carries a step out unless the store holds it; whatever goes wrong in it is its outcome, and stops no other step."""
        started, notes = time.perf_counter(), list[str]()
        with noting(notes.append):
            status, error = self.attempt(step, store_at(self.root))
        return Outcome(step, status, time.perf_counter() - started if status != "cached" else 0.0, error, tuple(notes))

    def attempt(self, step: Step, store: Store) -> tuple[str, str]:
        """The status of a step, carried out unless it is in the store as it was written, and its error."""
        try:
            if store.sound(*step.name):
                return "cached", ""
            for path, prefix in self.plugins:
                add_plugin(path, prefix)
            with store.claimed(step.key):
                if store.kept(*step.name):
                    return "cached", ""
                with tracked(self.track, step.label):
                    compute(step, store, self)
        except DamagedError as problem:
            return "lost", str(problem)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:
            return "failed", explained(problem)
        return "done", ""


def explained(problem: BaseException) -> str:
    """An exception in one line: ours as it is; any other with the file and line that it came from, the user's own if there are any.

    >>> try:
    ...     {}["x"]
    ... except KeyError as problem:
    ...     explained(problem).partition(": ")[2]
    "raised KeyError: 'x'"
    """
    if isinstance(problem, CanforgetError):
        return str(problem)
    last = traceback.extract_tb(problem.__traceback__)[-1:]
    place = user_frame(problem, set()) or "".join(f"{frame.filename}:{frame.lineno}" for frame in last)
    return f"{place}: {error_line(problem)}" if place else error_line(problem)


def compute(step: Step, store: Store, job: Job) -> None:
    """Carries a step out and puts its artifact into the store, with how it came about."""
    import torch

    from canforget.study.execute import Workspace, perform

    if 0 < job.threads < torch.get_num_threads():
        torch.set_num_threads(job.threads)
    meter = CostMeter(job.device)
    with freed_memory_kept():
        write = perform(step, Workspace(store, job.data_dir, job.device))
    provenance = {"verb": step.verb, "key": step.key, "label": step.label, "needs": [list(n) for n in step.needs], "what": dict(step.what)}
    conditions = {"device": job.device, "threads": torch.get_num_threads()} | machine()

    def fill(folder: Path) -> None:
        facts = write(folder)
        provenance.update(facts=facts, conditions=conditions | meter.costs(), versions=versions())

    store.put(step.verb, step.key, fill, provenance)


ROUNDS = 4
"""How often a plan is gone through when what it needs turns out to be damaged in the meantime."""


def outcomes(
    plan: Plan, job: Job, engine: str, workers: int | None, failed: Container[tuple[str, str]] = (), started: Started = unheard,
    options: EngineOptions = EngineOptions(), costs: ExpectedCosts | None = None,
) -> Generator[Outcome]:  # fmt: skip
    """What becomes of every step that has not `failed`, as it happens; what could not be computed from damaged inputs is tried again."""
    options.check(engine)
    steps, told = {s.name: s for s in plan.steps if s.name not in failed}, set[tuple[str, str]]()
    costs = costs or ExpectedCosts(plan.steps, store_at(job.root), job.device)
    for again in reversed(range(ROUNDS)):
        lost = False
        with closing(by_engine(engine, Graph(dict(steps), started=started, costs=costs), job, workers, options)) as found:
            for outcome in found:
                for line in outcome.notes:
                    note(line)
                if outcome.status == "lost" and again:
                    lost = True
                elif outcome.status == "done" or outcome.step.name not in told:
                    told.add(outcome.step.name)
                    yield replace(outcome, status="failed") if outcome.status == "lost" else outcome
                if outcome.status in ("failed", "skipped"):
                    del steps[outcome.step.name]
        if not lost:
            return


def by_engine(engine: str, graph: Graph, job: Job, workers: int | None, options: EngineOptions) -> Generator[Outcome]:
    """The outcomes of a graph on an engine; of one that finds no cluster on this machine, on its processes, and says so."""
    carry_out = getattr(import_module(f"canforget.engines.{engine}"), engine)
    try:
        yield from carry_out(graph, job, workers=workers, options=options)
    except NoClusterError as problem:
        note(f"{problem}; going on with --engine processes")
        yield from by_engine("processes", graph, job, workers, options)


def missing(plan: Plan, store: Store) -> list[Step]:
    """The steps of a plan that the store does not hold yet."""
    return [s for s in plan.steps if not store.holds(*s.name)]
