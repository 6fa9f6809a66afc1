"""The events of a run, a line of JSON each, appended to a file beside its results; a lock that dies with its run says whether it lives."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from canforget.file_io import write_atomically
from canforget.progress import note

EVENTS = "run.jsonl"
LOCK = ".run.lock"
Event = Mapping[str, Any]
Tell = Callable[[Event], None]


@contextmanager
def recorded_events(folder: Path) -> Iterator[Tell]:
    """What appends events to the file of a run in `folder`; the first replaces the file of an earlier run, at once.

    Every event carries `t`, the seconds since the run began by a clock that nobody can set. A second run into the same folder records
    nothing, and says so; a file that cannot be written is said once and ends no run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=2)
    except (OSError, NotImplementedError) as problem:
        why = "another run writes there" if isinstance(problem, Timeout) else str(problem)
        note(f"{folder}: canforget watch will not see this run: {why}")
        yield lambda event: None
        return
    try:
        yield EventFile(folder / EVENTS)
    finally:
        lock.release()


@dataclass
class EventFile:
    """Appends each event as one line in one write, so that a killed run leaves at most its last line torn."""

    path: Path
    started: float = field(default_factory=time.monotonic)
    begun: bool = False
    broken: bool = False

    def __call__(self, event: Event) -> None:
        """Appends an event."""
        line = json.dumps({**event, "t": round(time.monotonic() - self.started, 3)}, ensure_ascii=True) + "\n"
        if self.broken:
            return
        try:
            if not self.begun:
                write_atomically(self.path, line.encode())
                self.begun = True
                return
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        except OSError as problem:
            self.broken = True
            note(f"{self.path}: canforget watch sees no more of this run: {problem.strerror or problem}")


def alive(folder: Path) -> bool:
    """Whether a run holds the lock of a folder of results: it does until it ends, however it ends."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True


@dataclass
class EventReader:
    """Reads what a run appends; a file that a later run has replaced is read from its beginning."""

    path: Path
    place: int = 0
    inode: int = 0

    def new(self) -> list[dict[str, Any]]:
        """The events since the last call; a torn line is left for later, and what is no JSON object is passed over."""
        try:
            with self.path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if inode != self.inode:
                    self.place, self.inode = 0, inode
                file.seek(self.place)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self.place += len(whole)
        return [event for line in whole.splitlines() if (event := event_in(line)) is not None]


def event_in(line: bytes) -> dict[str, Any] | None:
    """The event in a line, if there is one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None
