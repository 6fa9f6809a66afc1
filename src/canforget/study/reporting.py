"""What a run tells of itself: every start and end of a step becomes an event, which is shown and kept for who watches from elsewhere."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from canforget.study.live_view import View, interactive, viewing
from canforget.study.planned_steps import Step
from canforget.study.run_events import Tell, recorded_events
from canforget.study.run_state import FailedStep
from canforget.study.schedule import Outcome

SECONDS_BETWEEN = 10.0
"""How often the progress within a step is told."""


@dataclass
class Reporter:
    """Told of starts, outcomes and progress by a run; passes them on as events."""

    steps: Sequence[Step]
    view: View
    keep: Tell
    failures: list[Outcome] = field(default_factory=list)
    told: float = 0.0

    def __post_init__(self) -> None:
        self.places = {step.name: place for place, step in enumerate(self.steps)}
        self.began = time.monotonic()

    def tell(self, kind: str, **more: object) -> None:
        """Shows an event, and keeps it."""
        event = {"event": kind, **more}
        self.keep(event)
        self.view.show(event | {"t": time.monotonic() - self.began})

    def started(self, step: Step, worker: str) -> None:
        """A step is being carried out."""
        self.tell("start", step=self.places[step.name], worker=worker)

    def notify(self, outcome: Outcome) -> None:
        """A step has ended."""
        if outcome.error:
            self.failures.append(outcome)
        about = {"seconds": round(outcome.seconds, 3), "error": outcome.error}
        self.tell(outcome.status, step=self.places[outcome.step.name], **{k: v for k, v in about.items() if v})

    def advance(self, fraction: float) -> None:
        """How far the step under way has come; kept now and then."""
        self.view.state.partly = fraction
        if time.monotonic() - self.told > SECONDS_BETWEEN:
            self.told = time.monotonic()
            self.keep({"event": "progress", "fraction": round(fraction, 3)})

    @property
    def computed(self) -> int:
        """The number of steps that were carried out."""
        return self.view.state.count("done")

    @property
    def failed(self) -> Sequence[FailedStep]:
        """The steps that failed of themselves, each with the command that does it again."""
        return self.view.state.failures


@contextmanager
def reported(
    study: str, steps: Sequence[Step], workers: int, command: str, folder: Path, expected: Sequence[float] = ()
) -> Iterator[Reporter]:  # fmt: skip
    """A reporter of a run of these steps, whose events lie in `folder`; its last is `end`, or `stopped` where the run did not come so far.

    `expected` are the seconds that each step is expected to take, 0 where nobody knows.
    """
    with recorded_events(folder) as keep, viewing(interactive()) as view:
        reporter = Reporter(steps, view, keep)
        named = [[s.verb, s.key, s.label] for s in steps]
        reporter.tell(
            "plan", study=study, command=command, workers=workers, pid=os.getpid(), steps=named, expected=[round(e, 3) for e in expected]
        )
        try:
            yield reporter
        except BaseException:
            reporter.tell("stopped")
            raise
        reporter.tell("end")
