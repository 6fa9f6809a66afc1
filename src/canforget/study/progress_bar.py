"""Progress of a run: a bar with the time left on a terminal, one line a step in a log."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from canforget.study.planned_steps import Step
from canforget.study.schedule import Outcome

GUESSES = {"split": 1.0, "train": 120.0, "unlearn": 30.0, "quantize": 5.0, "predict": 5.0, "noise": 20.0, "probe": 20.0, "judge": 0.5}
"""Seconds a step takes until one of its kind has been seen: only for the first guess of the time left."""


@dataclass
class Watch:
    """Told of every outcome, and of the fraction done of the step under way; knows the seconds that are left."""

    steps: Sequence[Step]
    workers: int = 1
    bar: Any = None
    seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finished: set[tuple[str, str]] = field(default_factory=set)
    failures: list[Outcome] = field(default_factory=list)
    computed: int = 0
    partly: float = 0.0

    def notify(self, outcome: Outcome) -> None:
        """Notes that a step has ended, and shows it."""
        self.finished.add(outcome.step.name)
        self.partly = 0.0
        if outcome.status == "done":
            self.computed += 1
            self.seen[outcome.step.verb].append(outcome.seconds)
        if outcome.error:
            self.failures.append(outcome)
            self.line(f"{outcome.status}: {outcome.step.label}: {outcome.error}")
        elif self.bar is None and outcome.status == "done":
            self.line(f"[{len(self.finished)}/{len(self.steps)}] {outcome.seconds:.1f} s  {outcome.step.label}")
        self.show(outcome.step.label)

    def advance(self, fraction: float) -> None:
        """Notes how far the step under way has come."""
        self.partly = fraction
        self.show()

    def show(self, label: str = "") -> None:
        """Moves the bar."""
        if self.bar is not None:
            words = {"description": label[:70]} if label else {}
            self.bar.update(self.bar.task_ids[0], completed=len(self.finished) + self.partly, left=clock(self.left()), **words)

    def left(self) -> float:
        """Seconds until the end, from what steps of each kind have taken so far."""
        waiting = [s for s in self.steps if s.name not in self.finished]
        return sum(self.expected(s.verb) for s in waiting) / self.workers

    def expected(self, verb: str) -> float:
        """Seconds that a step of this kind takes."""
        seen = self.seen[verb]
        return sum(seen) / len(seen) if seen else GUESSES.get(verb, 5.0)

    def line(self, text: str) -> None:
        """Prints a line above the bar, or to standard error."""
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


@contextmanager
def watching(steps: Sequence[Step], workers: int, person: bool) -> Iterator[Watch]:
    """A watch over these steps, with a bar when a person is looking."""
    if not person:
        yield Watch(steps, workers)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (MofNCompleteColumn(), BarColumn(30), TextColumn("{task.fields[left]} left"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task("", total=len(steps), left="?")
        yield Watch(steps, workers, bar)


def clock(seconds: float) -> str:
    """Seconds as a person says them.

    >>> clock(45), clock(150), clock(7300)
    ('45 s', '2 min 30 s', '2 h 01 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def interactive() -> bool:
    """Whether a person is looking at standard error."""
    return sys.stderr.isatty()
