"""How far a run has come, from its events alone: what is done, running where, failed why, and the time left from what steps have cost."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from canforget.errors import shortened

GUESSES = {"split": 1.0, "train": 120.0, "unlearn": 30.0, "quantize": 5.0, "predict": 5.0, "noise": 20.0, "probe": 20.0, "judge": 0.5}
"""Seconds a step takes until one of its kind has been seen: only for the first guess of the time left."""
ENDED = ("done", "cached", "failed", "skipped")


@dataclass(frozen=True)
class FailedStep:
    """A step that failed, the reason in one line, and the command that does it again ("" where the run had none)."""

    label: str
    error: str
    again: str


@dataclass
class RunState:
    """Told of every event of a run: the plan first, then starts and ends of steps."""

    study: str = ""
    steps: Sequence[Sequence[str]] = ()
    workers: int = 1
    command: str = ""
    status: str = "waiting"
    t: float = 0.0
    partly: float = 0.0
    ended: dict[int, str] = field(default_factory=dict)
    running: dict[int, tuple[str, float]] = field(default_factory=dict)
    failures: list[FailedStep] = field(default_factory=list)
    planned: Sequence[float] = ()
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def tell(self, event: Mapping[str, Any]) -> None:
        """Takes an event in; one that makes no sense here changes nothing."""
        kind, place = event["event"], event.get("step")
        self.t = max(self.t, as_number(event.get("t")))
        if kind == "plan":
            self.begin(event)
        elif kind in ("end", "stopped"):
            self.status, self.running = kind, {}
        elif kind == "progress":
            self.partly = min(1.0, as_number(event.get("fraction")))
        elif isinstance(place, int) and 0 <= place < len(self.steps):
            self.step_event(kind, place, event)

    def begin(self, event: Mapping[str, Any]) -> None:
        """The plan of a run: a run that follows another in the same file begins anew."""
        fresh = RunState()
        vars(self).update(vars(fresh))
        steps = event.get("steps")
        self.steps = [[str(part) for part in s] for s in steps if isinstance(s, list) and len(s) == 3] if isinstance(steps, list) else []
        self.study, self.command, self.status = str(event.get("study", "")), str(event.get("command", "")), "running"
        self.workers = max(1, int(as_number(event.get("workers"))))
        expected = event.get("expected")
        self.planned = list(map(as_number, expected)) if isinstance(expected, list) and len(expected) == len(self.steps) else []

    def step_event(self, kind: str, place: int, event: Mapping[str, Any]) -> None:
        """The start or the end of a step."""
        if kind == "start":
            self.running[place] = str(event.get("worker", "")), self.t
        elif kind in ENDED:
            self.running.pop(place, None)
            self.ended[place], self.partly = kind, 0.0
            if seconds := as_number(event.get("seconds")):
                verb, _, label = self.steps[place]
                for name in (verb, without_seed(label)):
                    self.costs[name].append(seconds)
            if kind == "failed":
                self.failures.append(FailedStep(self.label(place), str(event.get("error", "")), self.again(place)))

    def label(self, place: int) -> str:
        """A step in words, whatever its label holds."""
        return shortened(self.steps[place][2], 200)

    def again(self, place: int) -> str:
        """The command that carries out a step, and what it needs, again."""
        verb, key, _ = self.steps[place]
        return f"{self.command} --step {verb}/{key[:12]}" if self.command else ""

    def count(self, *kinds: str) -> int:
        """How many steps have ended so."""
        return sum(kind in kinds for kind in self.ended.values())

    def left(self, t: float | None = None) -> float:
        """Seconds until the end at second `t` of the run, from what steps of each kind have cost; running ones less what they have had."""
        now = self.t if t is None else t
        waiting = [place for place in range(len(self.steps)) if place not in self.ended]
        had = {place: now - since for place, (_, since) in self.running.items()}
        costs = [max(0.0, self.expected(place) - had.get(place, 0.0)) for place in waiting]
        return max(sum(costs) / max(self.workers, len(self.running)), max(costs, default=0.0))

    def expected(self, place: int) -> float:
        """Seconds that a step takes: as the same with another seed did in this run, else as the store told, else as others of its verb, else a guess."""
        verb, _, label = self.steps[place]
        seen = self.costs.get(without_seed(label))
        if not seen and self.planned and self.planned[place]:
            return self.planned[place]
        seen = seen or self.costs.get(verb)
        return sum(seen) / len(seen) if seen else GUESSES.get(verb, 5.0)

    def headline(self, t: float | None = None) -> str:
        """How far the run has come, in a line."""
        parts = [f"{len(self.ended)} of {len(self.steps)} steps"]
        parts += [
            f"{n} {word}"
            for word, kind in (("from the store", "cached"), ("failed", "failed"), ("skipped", "skipped"))
            if (n := self.count(kind))
        ]
        if self.status == "running" and len(self.ended) < len(self.steps):
            parts.append(f"{clock(self.left(t))} left")
        return f"{shortened(self.study, 40)}: {', '.join(parts)}"


def without_seed(label: str) -> str:
    """A label without its seed: steps that differ by nothing else cost alike.

    >>> without_seed("train original tiny_cnn on digits (seed 12)")
    'train original tiny_cnn on digits'
    """
    return re.sub(r" \(seed \d+\)", "", label)


def as_number(value: Any) -> float:
    """A number that a file says, or 0 for what is none."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0


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
