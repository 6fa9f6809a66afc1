"""Several long-lived processes on this machine, each with its share of the cores: the best use of a CPU for small models."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context

from canforget.plan import Step
from canforget.run import Graph, Outcome

LIVES = 2
"""How often a step may take its worker down with it before it counts as failed."""

Work = Callable[[Step], Outcome]


@dataclass
class Pool:
    """A process pool that is made anew when a worker dies; the steps it held are tried once more."""

    work: Work
    workers: int
    running: dict[Future[Outcome], Step] = field(default_factory=dict)
    deaths: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.executor = self.fresh()

    def fresh(self) -> ProcessPoolExecutor:
        """A pool of new processes, that inherit nothing."""
        return ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))

    def start(self, step: Step) -> None:
        """Hands a step to the next free process."""
        self.running[self.executor.submit(self.work, step)] = step

    def collect(self) -> list[Outcome]:
        """Waits for at least one step to end, well or badly."""
        ended, _ = wait(self.running, return_when=FIRST_COMPLETED)
        lost: list[Step] = []
        outcomes: list[Outcome] = []
        for future in ended:
            step = self.running.pop(future)
            try:
                outcomes.append(future.result())
            except BrokenProcessPool:
                lost.append(step)
        return outcomes + (self.revive(lost) if lost else [])

    def revive(self, lost: list[Step]) -> list[Outcome]:
        """A new pool for the steps whose worker died; those that died too often have failed."""
        lost += self.running.values()
        self.running.clear()
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = self.fresh()
        failed = []
        for step in lost:
            self.deaths[step.name] = self.deaths.get(step.name, 0) + 1
            if self.deaths[step.name] >= LIVES:
                failed.append(Outcome(step, "failed", error="its worker process died twice (out of memory?); try fewer workers"))
            else:
                self.start(step)
        return failed


def processes(graph: Graph, work: Work, *, workers: int = 2) -> Iterator[Outcome]:
    """Yields the outcome of every step of `graph` as it comes, `workers` at a time."""
    pool = Pool(work, workers)
    try:
        while graph.active:
            for step in graph.ready():
                blocked = graph.blocked(step)
                if blocked is not None:
                    yield graph.finish(blocked)
                else:
                    pool.start(step)
            if pool.running:
                for outcome in pool.collect():
                    yield graph.finish(outcome)
    finally:
        pool.executor.shutdown(wait=False, cancel_futures=True)
