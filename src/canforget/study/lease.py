"""Leases: entries that say who computes a key, kept alive by a heartbeat, taken over when it stops or its process is gone."""

import json
import os
import platform
import threading
import time
import uuid
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from filelock import Timeout

from canforget.errors import StoreError
from canforget.progress import note
from canforget.study.bucket import Found

SECONDS = "CANFORGET_LEASE_SECONDS"
POLLS = (0.1, 0.2, 0.5, 1.0, 2.0)


class Board(Protocol):
    """Where leases hang for all to see: a bucket, or a folder. Every change is made by one of those who try it at once, or by none."""

    def create(self, name: str, content: bytes) -> str | None:
        """Writes an entry unless there is one; returns its tag, or nothing."""

    def get(self, name: str) -> Found | None:
        """An entry, if there is one."""

    def replace(self, name: str, content: bytes, tag: str) -> str | None:
        """For its owner: writes over the entry that has this tag; returns the new one, or nothing."""

    def seize(self, name: str, content: bytes, tag: str) -> str | None:
        """For others: puts an entry in the place of the one that has this tag; returns the new one, or nothing."""

    def delete(self, name: str) -> None:
        """Removes an entry, if it is there."""


def lease_seconds() -> float:
    """After how many seconds without a heartbeat a lease may be taken over: 60, unless the environment says otherwise."""
    try:
        return max(1.0, float(os.environ.get(SECONDS, "60")))
    except ValueError:
        raise StoreError(f"{SECONDS}: write a number of seconds, as in 60") from None


@contextmanager
def leased(board: Board, key: str, timeout: float = -1) -> Iterator[None]:
    """Holds the lease of a key. No clock but one's own decides: a lease is dead when an observer saw no change of it for long enough.

    Raises:
        Timeout: Another one holds it, and `timeout` seconds (forever, if negative) have passed.
    """
    lease = Lease(board, f"leases/{key}.json")
    lease.acquire(timeout)
    try:
        start_new_thread(lease.beat, ())  # not Thread.start(), which waits for ever for a thread that begins without memory
        yield
    finally:
        lease.release()


@dataclass
class Lease:
    """One owner's view of a lease."""

    board: Board
    name: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    count: int = 0
    tag: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)

    def content(self) -> bytes:
        """Who holds it, for how long without a sign of life, and how often the heart has beaten: no two are alike."""
        self.count += 1
        about = {"owner": self.owner, "system": this_system(), "process": os.getpid(), "seconds": lease_seconds(), "beat": self.count}
        return json.dumps(about).encode()

    def acquire(self, timeout: float) -> None:
        """Waits until the lease is free or dead, and takes it."""
        began, polls = time.monotonic(), 0
        seen, since = "", began
        while True:
            self.tag = self.board.create(self.name, self.content())
            if self.tag is None and (found := self.board.get(self.name)) is not None:
                now = time.monotonic()
                seen, since = (seen, since) if found.tag == seen else (found.tag, now)
                self.take_from_dead(found, now - since)
            if self.tag is not None:
                return
            if 0 <= timeout <= time.monotonic() - began:
                raise Timeout(self.name)
            time.sleep(POLLS[min(polls, len(POLLS) - 1)])
            polls += 1

    def take_from_dead(self, found: Found, silence: float) -> None:
        """Takes over a lease whose process is gone, or that did not change for all its span."""
        about = said_by(found.content)
        gone, silent = died_here(about), silence > about.get("seconds", lease_seconds())
        if gone or silent:
            self.tag = self.board.seize(self.name, self.content(), found.tag)
        if self.tag is not None and not gone:
            note(
                f"silent: {owner_in_words(about)} has not shown for {silence:.0f} s that it works on {Path(self.name).stem[:12]}; taken over"
            )

    def beat(self) -> None:
        """Shows four times in the life of a lease that its owner lives, as long as it is the owner and has not let go."""
        while self.tag is not None and not self.stop.wait(lease_seconds() / 4):
            with self.busy, suppress(StoreError):
                if not self.stop.is_set():
                    self.tag = self.board.replace(self.name, self.content(), self.tag)

    def release(self) -> None:
        """Frees the lease, if it is still ours; one that cannot be freed dies of itself."""
        self.stop.set()
        with self.busy, suppress(StoreError):
            found = self.board.get(self.name)
            if found is not None and found.tag == self.tag:
                self.board.delete(self.name)


def said_by(content: bytes) -> dict[str, Any]:
    """What a lease says; nothing, where it is just being written or is none of ours."""
    try:
        about = json.loads(content)
    except ValueError:
        return {}
    known = {"system": str, "process": int, "seconds": int | float}
    return {k: about[k] for k, kind in known.items() if isinstance(about.get(k), kind)} if isinstance(about, dict) else {}


def owner_in_words(about: dict[str, Any]) -> str:
    """The owner of a lease, in words."""
    return f"process {about['process']} of {about['system'].partition(' ')[0]}" if about.keys() >= {"process", "system"} else "somebody"


def died_here(about: dict[str, Any]) -> bool:
    """Whether the owner of a lease was a process of this machine, since it was started, and is no more."""
    return bool(this_system()) and about.get("system") == this_system() and not living(about.get("process", 0))


def living(process: int) -> bool:
    """Whether a process of this machine lives; one that only waits to be buried does not."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return True


@lru_cache(maxsize=1)
def this_system() -> str:
    """Name of this machine, then what tells it from another of the name, from itself before it was last started, and from its containers.

    Nothing where a process cannot be asked whether it lives without harm.
    """
    if os.name != "posix":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"
