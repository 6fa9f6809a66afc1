"""Following a run from another process, by the events that it writes beside its results and the lock that it holds while it lives."""

import time
from collections.abc import Iterator, Mapping
from json import dumps
from pathlib import Path
from typing import Any

from canforget.errors import ArtifactError
from canforget.study.live_view import View, interactive, viewing
from canforget.study.run_events import EVENTS, EventReader, alive
from canforget.study.run_state import RunState

PAUSE = 0.5
"""Seconds between two looks at the file."""


def follow(folder: Path, *, once: bool, json: bool) -> bool:
    """Shows a run until it ends, or as it is (`once`); whether a step failed, or the run ended before its plan did."""
    if not (folder / EVENTS).is_file():
        raise ArtifactError(f"{folder}: no run has written here ({EVENTS} is missing); start one with canforget run --out {folder}")
    state = RunState()
    with viewing(interactive() and not json and not once) as view:
        view.state = state
        for event in events(folder, once):
            state_before_plan(event, folder)
            if json:
                state.tell(event)
                print(dumps(event | told_of(state, event)), flush=True)
            else:
                take_in(view, event, quiet=once)
    if not json:
        print(ending(state, folder))
    return state.status == "stopped" or (state.status == "running" and not alive(folder)) or bool(state.count("failed", "skipped"))


def events(folder: Path, once: bool) -> Iterator[dict[str, Any]]:
    """Every event so far and, unless only `once`, all to come: until the run has ended, or no process holds its lock."""
    reader = EventReader(folder / EVENTS)
    while True:
        living = alive(folder)
        found = reader.new()
        yield from found
        if once or not living or (found and found[-1]["event"] in ("end", "stopped")):
            return
        time.sleep(PAUSE)


def state_before_plan(event: Mapping[str, Any], folder: Path) -> None:
    """Refuses a file of another make: the first event of a run is its plan, with its steps."""
    if event["event"] == "plan" and not isinstance(event.get("steps"), list):
        raise ArtifactError(f"{folder / EVENTS}: its plan names no steps; it was not written by canforget run")


def take_in(view: View, event: Mapping[str, Any], quiet: bool) -> None:
    """Shows an event, or only takes it in."""
    if quiet:
        view.state.tell(event)
    else:
        view.show(event)


def told_of(state: RunState, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a program wants to know of an event beside it: the step's label, how far the run has come, the seconds left."""
    if event["event"] == "plan":
        return {}
    place = event.get("step")
    label = {"label": state.label(place)} if isinstance(place, int) and 0 <= place < len(state.steps) else {}
    return {**label, "ended": len(state.ended), "of": len(state.steps), "seconds_left": round(state.left(), 1)}


def ending(state: RunState, folder: Path) -> str:
    """How a run stands or ended, with every failed step and the command that does it again."""
    lines = [state.headline()]
    lines += [f"  runs{f' on worker {worker}' if worker else ''}: {state.label(place)}" for place, (worker, _) in state.running.items()]
    for step in state.failures:
        lines += [f"  failed: {step.label}: {step.error}", *([f"    again: {step.again}"] if step.again else [])]
    if state.status == "stopped":
        lines.append("It was stopped; what was finished is kept.")
    elif state.status == "running" and not alive(folder):
        lines.append("It was killed, or its machine went down; what was finished is kept.")
    elif state.status == "end":
        lines.append(f"It has ended: canforget show {folder}")
    if state.status in ("stopped", "running") and state.command and not alive(folder):
        lines.append(f"To go on: {state.command}")
    return "\n".join(lines)
