"""A run as it goes on: on a terminal a view that changes in place, in a log a line a step."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from canforget.errors import shortened
from canforget.study.run_state import RunState, clock


def log_line(state: RunState, event: Mapping[str, Any]) -> str:
    """What a log says of an event that `state` has been told; nothing of what was found in the store, of starts and of progress."""
    place, kind = event.get("step"), event["event"]
    if not isinstance(place, int) or not 0 <= place < len(state.steps) or state.ended.get(place) != kind:
        return ""
    label = state.label(place)
    if kind == "done":
        left = f" ({clock(state.left())} left)" if len(state.ended) < len(state.steps) else ""
        return f"[{len(state.ended)}/{len(state.steps)}] {event.get('seconds', 0):.1f} s  {label}{left}"
    return f"{kind}: {label}: {shortened(str(event.get('error', '')), 500)}" if kind in ("failed", "skipped") else ""


@dataclass
class View:
    """Shows a run's state: every event is told to it."""

    state: RunState = field(default_factory=RunState)
    live: Any = None

    def show(self, event: Mapping[str, Any]) -> None:
        """Takes an event in, and shows what has changed."""
        self.state.tell(event)
        text = log_line(self.state, event)
        if text and (self.live is None or event["event"] in ("failed", "skipped")):
            self.line(text)

    def line(self, text: str) -> None:
        """A line that stays, on standard error."""
        if self.live is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self.live.console.print(text, markup=False, highlight=False)


@contextmanager
def viewing(person: bool) -> Iterator[View]:
    """A view, which changes in place when a person is looking."""
    view = View()
    if not person:
        yield view
        return
    from rich.console import Console
    from rich.live import Live

    with Live(get_renderable=lambda: picture(view.state), console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        view.live = live
        yield view


def picture(state: RunState) -> Any:
    """What a terminal shows: how far the run has come, and what runs on which worker."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    bar = ProgressBar(max(1, len(state.steps)), len(state.ended) + state.partly, width=60)
    rows = [
        Text(f"{worker or '-':>4}  {state.label(place)}", no_wrap=True, overflow="ellipsis") for place, (worker, _) in state.running.items()
    ]
    return Group(Text(state.headline(), no_wrap=True, overflow="ellipsis"), bar, *rows)


def interactive() -> bool:
    """Whether a person is looking at standard error."""
    return sys.stderr.isatty()
