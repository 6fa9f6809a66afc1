"""Leases: objects that say who computes a key, kept alive by a heartbeat, taken over when it stops."""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from filelock import Timeout

from canforget.errors import StoreError
from canforget.study.bucket import Bucket, Found

SECONDS = "CANFORGET_LEASE_SECONDS"
POLLS = (0.1, 0.2, 0.5, 1.0, 2.0)


def lease_seconds() -> float:
    """After how many seconds without a heartbeat a lease may be taken over: 60, unless the environment says otherwise."""
    try:
        return max(1.0, float(os.environ.get(SECONDS, "60")))
    except ValueError:
        raise StoreError(f"{SECONDS}: write a number of seconds, as in 60") from None


@contextmanager
def leased(bucket: Bucket, key: str, timeout: float = -1) -> Iterator[None]:
    """Holds the lease of a key. No clock but one's own decides: a lease is dead when an observer saw no change of it for long enough.

    Raises:
        Timeout: Another one holds it, and `timeout` seconds (forever, if negative) have passed.
    """
    lease = Lease(bucket, f"leases/{key}.json")
    lease.acquire(timeout)
    stop = threading.Event()
    beating = threading.Thread(target=lease.beat, args=(stop,), daemon=True)
    beating.start()
    try:
        yield
    finally:
        stop.set()
        beating.join()
        lease.release()


@dataclass
class Lease:
    """One owner's view of a lease."""

    bucket: Bucket
    name: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    count: int = 0
    tag: str | None = None

    def content(self) -> bytes:
        """Who holds it, and how often the heart has beaten: no two are alike."""
        self.count += 1
        return json.dumps({"owner": self.owner, "process": os.getpid(), "beat": self.count}).encode()

    def acquire(self, timeout: float) -> None:
        """Waits until the lease is free or dead, and takes it."""
        began, polls = time.monotonic(), 0
        seen, since = "", began
        while True:
            self.tag = self.bucket.create(self.name, self.content())
            found: Found | None = None
            if self.tag is None and (found := self.bucket.get(self.name)) is not None:
                now = time.monotonic()
                seen, since = (seen, since) if found.tag == seen else (found.tag, now)
                if now - since > lease_seconds():
                    self.tag = self.bucket.replace(self.name, self.content(), found.tag)
            if self.tag is not None:
                return
            if 0 <= timeout <= time.monotonic() - began:
                raise Timeout(self.name)
            time.sleep(POLLS[min(polls, len(POLLS) - 1)])
            polls += 1

    def beat(self, stop: threading.Event) -> None:
        """Shows four times in the life of a lease that its owner lives, as long as it is the owner."""
        while self.tag is not None and not stop.wait(lease_seconds() / 4):
            with suppress(StoreError):
                self.tag = self.bucket.replace(self.name, self.content(), self.tag)

    def release(self) -> None:
        """Frees the lease, if it is still ours; one that cannot be freed dies of itself."""
        with suppress(StoreError):
            found = self.bucket.get(self.name)
            if found is not None and found.tag == self.tag:
                self.bucket.delete(self.name)
