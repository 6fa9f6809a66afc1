"""Process-pool engine: long-lived workers on this machine, each with its share of the cores; the best use of a CPU for small models."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process

from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome, Started, unheard

LIVES = 2
"""How often a step may take its worker down with it, alone, before it has failed."""

Work = Callable[[Step], Outcome]


@dataclass
class Pool:
    """A process pool that is made anew when a worker dies; the steps that were under way then are tried again, each alone."""

    work: Work
    workers: int
    queue: deque[Step] = field(default_factory=deque)
    suspects: deque[Step] = field(default_factory=deque)
    running: dict[Future[Outcome], Step] = field(default_factory=dict)
    deaths: dict[tuple[str, str], int] = field(default_factory=dict)
    places: dict[Future[Outcome], int] = field(default_factory=dict)
    started: Started = unheard

    def __post_init__(self) -> None:
        self.executor = self.fresh()

    def fresh(self) -> ProcessPoolExecutor:
        """A pool of new processes that inherit nothing, and end without a word on Ctrl-C."""
        return ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=begin)

    def start(self) -> None:
        """Hands out steps: as many as there are workers, but a suspect alone."""
        while self.suspects and not self.running:
            self.submit(self.suspects.popleft())
        while self.queue and not self.suspects and len(self.running) < self.workers:
            self.submit(self.queue.popleft())

    def submit(self, step: Step) -> None:
        """Hands a step to a free process."""
        future = self.executor.submit(self.work, step)
        taken = {self.places[other] for other in self.running}
        self.running[future] = step
        self.places[future] = min(set(range(1, self.workers + 1)) - taken)
        self.started(step, str(self.places[future]))

    def collect(self) -> list[Outcome]:
        """Waits for at least one step to end, well or badly."""
        ended, _ = wait(self.running, return_when=FIRST_COMPLETED)
        outcomes: list[Outcome] = []
        for future in ended:
            try:
                outcomes.append(future.result())
            except BrokenProcessPool:
                return outcomes + self.revive()
            del self.running[future], self.places[future]
        return outcomes

    def revive(self) -> list[Outcome]:
        """A new pool; the steps that were under way become suspects, and one that was alone too often has failed."""
        lost = list(self.running.values())
        self.running.clear()
        self.places.clear()
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = self.fresh()
        if len(lost) == 1:
            step = lost[0]
            self.deaths[step.name] = self.deaths.get(step.name, 0) + 1
            if self.deaths[step.name] >= LIVES:
                return [Outcome(step, "failed", error="its worker process died twice (out of memory?); try fewer workers")]
        self.suspects.extend(lost)
        return []


def begin() -> None:
    """What a worker does first: it will end without a word on Ctrl-C, and with its parent however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=outlive_nobody, daemon=True).start()


def outlive_nobody() -> None:
    """Ends this process when its parent is gone: a killed study must not go on computing behind its user's back."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def processes(graph: Graph, work: Work, *, workers: int = 2) -> Iterator[Outcome]:
    """Yields the outcome of every step of `graph` as it comes, `workers` at a time."""
    pool = Pool(work, workers, started=graph.started)
    try:
        while graph.active:
            for step in graph.ready():
                blocked = graph.blocked(step)
                if blocked is None:
                    pool.queue.append(step)
                else:
                    yield graph.finish(blocked)
            pool.start()
            if pool.running:
                for outcome in pool.collect():
                    yield graph.finish(outcome)
    finally:
        pool.executor.shutdown(wait=False, cancel_futures=True)
