"""Workers that carry steps out side by side: who gets which step, and what becomes of a worker that dies and of a step that takes too long."""

import time
from bisect import insort
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from canforget.progress import note
from canforget.study.expected_costs import longest_ways
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome

LIVES = 2
"""How often a step may take its worker down with it, the last time with nothing beside it, before it has failed."""
LOSSES = 10
"""How often the machine of a step may be lost before the step has failed."""
FALSE_STARTS = 3
"""How many workers in a row may die before they have said hello, until an engine gives up."""


class Worker(Hashable, Protocol):
    """Carries out one step at a time, in a process of its own."""

    @property
    def name(self) -> str:
        """What a person sees."""

    @property
    def place(self) -> str:
        """The machine that it runs on."""

    def serves(self, step: Step) -> bool:
        """Whether it has what the step needs."""

    def begin(self, step: Step) -> None:
        """Hands it a step."""

    def end(self) -> None:
        """Ends it at once, whatever it does."""


@dataclass(frozen=True)
class Ended:
    """A worker that has ended a step, or has died with it (no outcome); `innocent` where not the step can have been the reason."""

    worker: Worker
    outcome: Outcome | None
    innocent: bool = False


class Staff(Protocol):
    """All workers of an engine."""

    def free(self, waiting: Sequence[Step]) -> Sequence[Worker]:
        """Workers that can begin a step now; new ones are hired for the steps that wait, where there is room."""

    def wait(self, seconds: float | None) -> Sequence[Ended]:
        """Waits until something has happened, at most so long."""

    def memory(self, place: str) -> float:
        """Bytes that the steps at a place may hold together; infinite where nobody knows."""


@dataclass(frozen=True)
class Running:
    """A step that a worker is carrying out, since when, and whether nothing else may run at its place."""

    step: Step
    since: float
    alone: bool


@dataclass
class Crew:
    """The steps that wait, those under way, and what has happened to them."""

    graph: Graph
    staff: Staff
    limit: float | None = None
    queue: list[tuple[float, int, Step]] = field(default_factory=list)
    suspects: list[Step] = field(default_factory=list)
    running: dict[Worker, Running] = field(default_factory=dict)
    deaths: Counter[tuple[str, str]] = field(default_factory=Counter)
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)
    quiet_place: str | None = None

    def __post_init__(self) -> None:
        self.ways, self.number = longest_ways(self.graph.steps, self.graph.costs), 0

    def add(self, step: Step) -> None:
        """A step that can begin: those with the longest way to the end come first."""
        self.number += 1
        insort(self.queue, (-self.ways[step.name], self.number, step))

    @property
    def active(self) -> bool:
        """Whether a step waits or is under way."""
        return bool(self.queue or self.suspects or self.running)

    def hand_out(self) -> None:
        """Gives steps to free workers."""
        free = self.staff.free([*self.suspects, *(step for _, _, step in self.queue)])
        self.choose_quiet_place(free)
        for worker in free:
            alone = bool(self.suspects) and worker.place == self.quiet_place
            step = self.suspect_for(worker) if alone else self.next_for(worker)
            if step is not None:
                self.running[worker] = Running(step, time.monotonic(), alone)
                worker.begin(step)
                self.graph.started(step, worker.name)

    def choose_quiet_place(self, free: Sequence[Worker]) -> None:
        """Where suspects are to run, with nothing beside them: a place that has a worker for the first, and fewest steps under way."""
        if not self.suspects:
            return
        places = {w.place: len(self.at(w.place)) for w in [*free, *self.running] if w.serves(self.suspects[0])}
        if self.quiet_place not in places:
            self.quiet_place = min(places, key=lambda place: places[place]) if places else None

    def suspect_for(self, worker: Worker) -> Step | None:
        """The first suspect, once all else at the worker's place has ended."""
        return self.suspects.pop(0) if not self.at(worker.place) and worker.serves(self.suspects[0]) else None

    def next_for(self, worker: Worker) -> Step | None:
        """The first step that the worker serves and that its place has memory for; a step larger than its place runs there alone."""
        here = self.at(worker.place)
        if any(r.alone for r in here):
            return None
        left = self.staff.memory(worker.place) - sum(self.graph.costs.of(r.step).peak_bytes for r in here)
        for index, (_, _, step) in enumerate(self.queue):
            if worker.serves(step) and (not here or self.graph.costs.of(step).peak_bytes <= left):
                return self.queue.pop(index)[2]
        return None

    def at(self, place: str) -> list[Running]:
        """What is under way at a place."""
        return [r for w, r in self.running.items() if w.place == place]

    def collect(self) -> list[Outcome]:
        """Waits for something to happen: outcomes of steps that ended, failed with their worker, or took too long."""
        found: list[Outcome] = []
        for ended in self.staff.wait(self.patience()):
            running = self.running.pop(ended.worker, None)
            if running is not None and ended.outcome is not None:
                if ended.outcome.status == "done":
                    self.graph.costs.learn(running.step)
                found.append(ended.outcome)
            elif running is not None:
                found += self.retry(running.step, ended.innocent)
        return found + self.overdue()

    def retry(self, step: Step, innocent: bool) -> list[Outcome]:
        """Has a step whose worker died tried again, alone where it may have been the reason; or it has failed."""
        if innocent:
            self.losses[step.name] += 1
            if self.losses[step.name] >= LOSSES:
                return [Outcome(step, "failed", error=f"the machine that carried it out was lost {LOSSES} times")]
            note(f"a machine was lost: tried again elsewhere: {step.label}")
            self.add(step)
            return []
        self.deaths[step.name] += 1
        if self.deaths[step.name] >= LIVES:
            return [Outcome(step, "failed", error="its worker process died twice (out of memory?); try fewer workers")]
        note(f"a worker process died (out of memory?): tried again, alone: {step.label}")
        self.suspects.append(step)
        return []

    def patience(self) -> float | None:
        """Seconds until the next step has taken too long."""
        if self.limit is None or not self.running:
            return None
        return max(0.0, min(r.since for r in self.running.values()) + self.limit - time.monotonic())

    def overdue(self) -> list[Outcome]:
        """Ends workers whose step has taken too long; the step has failed."""
        now, found = time.monotonic(), list[Outcome]()
        for worker, running in list(self.running.items()):
            if self.limit is not None and now - running.since >= self.limit:
                worker.end()
                del self.running[worker]
                error = f"took longer than {self.limit:g} s and was ended; allow it more by --step-limit"
                found.append(Outcome(running.step, "failed", now - running.since, error))
        return found


def carried_out_by(staff: Staff, graph: Graph, limit: float | None) -> Iterator[Outcome]:
    """Yields the outcome of every step of `graph` as it comes."""
    crew = Crew(graph, staff, limit)
    while graph.active:
        for step in graph.ready():
            blocked = graph.blocked(step)
            if blocked is None:
                crew.add(step)
            else:
                yield graph.finish(blocked)
        crew.hand_out()
        if crew.active:
            for outcome in crew.collect():
                yield graph.finish(outcome)
