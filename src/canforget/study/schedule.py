"""Carries a plan out on an engine; what the store holds is never computed again, so resuming is free."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from canforget.errors import CanforgetError, SpecError, did_you_mean
from canforget.registry import add_plugin
from canforget.study.environment import machine, versions
from canforget.study.plan import Plan
from canforget.study.planned_steps import Step
from canforget.study.store import Store

ENGINES = ("serial", "processes")


@dataclass(frozen=True)
class Outcome:
    """What became of a step: done, cached, failed (with the error) or skipped (because what it needs failed)."""

    step: Step
    status: str
    seconds: float = 0.0
    error: str = ""


@dataclass
class Graph:
    """The steps still to do, in an order that respects what they need; the one thing that an engine sees of a plan."""

    steps: dict[tuple[str, str], Step]
    sorter: TopologicalSorter[tuple[str, str]] = field(default_factory=TopologicalSorter)
    failed: set[tuple[str, str]] = field(default_factory=set)

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
        """The outcome of a step whose needs failed."""
        lost = [self.steps[n].label for n in step.needs if n in self.failed]
        return Outcome(step, "skipped", error=f"needs what failed: {lost[0]}") if lost else None

    def finish(self, outcome: Outcome) -> Outcome:
        """Notes an outcome, so that the steps that waited for it become ready."""
        if outcome.status in ("failed", "skipped"):
            self.failed.add(outcome.step.name)
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

    def __call__(self, step: Step) -> Outcome:
        """Carries a step out unless the store holds it; an error that a user can mend becomes an outcome."""
        started = time.perf_counter()
        store = Store(self.root)
        if store.holds(*step.name):
            return Outcome(step, "cached")
        try:
            for path, prefix in self.plugins:
                add_plugin(path, prefix)
            with store.claimed(step.key):
                if store.holds(*step.name):
                    return Outcome(step, "cached")
                compute(step, store, self)
        except CanforgetError as problem:
            return Outcome(step, "failed", time.perf_counter() - started, str(problem))
        return Outcome(step, "done", time.perf_counter() - started)


def compute(step: Step, store: Store, job: Job) -> None:
    """Carries a step out and puts its artifact into the store, with how it came about."""
    import torch

    from canforget.study.execute import Workspace, perform

    if job.threads and torch.get_num_threads() != job.threads:
        torch.set_num_threads(job.threads)
    started = time.perf_counter()
    write = perform(step, Workspace(store, job.data_dir, job.device))
    seconds = time.perf_counter() - started
    provenance = {"verb": step.verb, "key": step.key, "label": step.label, "needs": [list(n) for n in step.needs], "what": dict(step.what)}
    conditions = {"device": job.device, "threads": torch.get_num_threads(), "seconds": seconds} | machine()

    def fill(folder: Path) -> None:
        provenance.update(facts=write(folder), conditions=conditions, versions=versions())

    store.put(step.verb, step.key, fill, provenance)


def outcomes(plan: Plan, job: Job, engine: str, workers: int) -> Iterator[Outcome]:
    """What becomes of every step, as it happens."""
    if engine not in ENGINES:
        raise SpecError(f"no engine '{engine}'{did_you_mean(engine, ENGINES)}")
    from importlib import import_module

    carry_out = getattr(import_module(f"canforget.engines.{engine}"), engine)
    yield from carry_out(Graph({s.name: s for s in plan.steps}), job, workers=workers)


def missing(plan: Plan, store: Store) -> list[Step]:
    """The steps of a plan that the store does not hold yet."""
    return [s for s in plan.steps if not store.holds(*s.name)]
