"""Process-pool engine: long-lived workers on this machine, each with its share of the cores; the best use of a CPU for small models."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from canforget.errors import EngineError
from canforget.study.crew import FALSE_STARTS, Ended, carried_out_by
from canforget.study.engine_options import WORKERS, EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome

Work = Callable[[Step], Outcome]
FAREWELL_SECONDS = 5.0
"""How long a worker that has nothing to do may take to end by itself."""


@dataclass(eq=False)
class ProcessWorker:
    """A process of this machine: "absent" until it is wanted and after it has died, "coming", "free" or "busy"."""

    name: str
    work: Work
    place: str = ""
    state: str = "absent"
    process: Any = None
    connection: Any = None

    def serves(self, step: Step) -> bool:
        """Any step will do."""
        return True

    def start(self) -> None:
        """A new process that inherits nothing; it says hello when it can work."""
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.work), name=f"canforget worker {self.name}")
        self.process.start()
        theirs.close()
        self.state = "coming"

    def begin(self, step: Step) -> None:
        """Hands it a step; that it is dead is noticed by who waits for it."""
        self.state = "busy"
        with suppress(OSError):
            self.connection.send(step)

    def answer(self) -> Outcome | None:
        """Its hello, or what became of its step; None when it has died."""
        try:
            answer: Outcome | None = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            return None
        self.state = "free"
        return answer

    def end(self) -> None:
        """Ends it at once."""
        if self.state != "absent":
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.state = "absent"

    def dismiss(self) -> None:
        """Lets it end by itself if it has nothing to do."""
        if self.state == "free":
            self.connection.close()
            self.process.join(FAREWELL_SECONDS)
        self.end()


@dataclass
class LocalStaff:
    """The workers on this machine, begun when there are steps for them."""

    workers: Sequence[ProcessWorker]
    false_starts: int = 0

    def free(self, waiting: Sequence[Step]) -> Sequence[ProcessWorker]:
        """Workers with nothing to do."""
        there = sum(w.state in ("coming", "free") for w in self.workers)
        for worker in [w for w in self.workers if w.state == "absent"][: max(0, len(waiting) - there)]:
            worker.start()
        return [w for w in self.workers if w.state == "free"]

    def wait(self, seconds: float | None) -> Sequence[Ended]:
        """What became of steps, as soon as a worker has said something or has died."""
        there = {w.connection: w for w in self.workers if w.state in ("coming", "busy")}
        found: list[Ended] = []
        for ready in wait(list(there), seconds):
            worker, busy = there[ready], there[ready].state == "busy"
            answer = worker.answer()
            if busy:
                found.append(Ended(worker, answer))
            else:
                self.count(worker)
        return found

    def count(self, worker: ProcessWorker) -> None:
        """Gives up when one worker after another dies before it has said hello."""
        self.false_starts = 0 if worker.state == "free" else self.false_starts + 1
        if self.false_starts >= FALSE_STARTS:
            raise EngineError("--engine processes: no worker can begin; a script must call this below `if __name__ == '__main__':`")

    def memory(self, place: str) -> float:
        """Nobody knows what else the machine is used for."""
        return float("inf")


def serve(connection: Connection, work: Work) -> None:
    """What a worker does: step after step, until nobody asks any more; it ends without a word on Ctrl-C, and with its parent however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=outlive_nobody, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(None)
        while True:
            connection.send(work(connection.recv()))


def outlive_nobody() -> None:
    """Ends this process when its parent is gone: a killed study must not go on computing behind its user's back."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def processes(graph: Graph, work: Work, *, workers: int | None = None, options: EngineOptions = EngineOptions()) -> Generator[Outcome]:
    """Yields the outcome of every step of `graph` as it comes, `workers` at a time."""
    staff = LocalStaff([ProcessWorker(str(number), work) for number in range(1, (workers or WORKERS) + 1)])
    try:
        yield from carried_out_by(staff, graph, options.step_limit)
    finally:
        for worker in staff.workers:
            worker.dismiss()
