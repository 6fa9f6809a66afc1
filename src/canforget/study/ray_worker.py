"""What runs in a worker of a Ray cluster: it says where it is and what keeps it from working, then carries out steps as a local process does."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from uuid import uuid4

from canforget import __version__
from canforget.errors import CanforgetError
from canforget.study.planned_steps import Step
from canforget.study.remote_store import RemoteStore, store_at
from canforget.study.schedule import Job, Outcome

SHARED_SECONDS = 10.0
"""How long a shared folder may take to show a file that another machine has written."""


@dataclass(frozen=True)
class Surroundings:
    """What a driver tells its workers: the folder it runs in, so that relative paths mean the same; its settings, which those of a machine override.

    `store` is where the steps lie, None where they need no store, and `token` a file that the driver put into a store that is a folder.
    """

    folder: str
    settings: Mapping[str, str]
    store: Path | None = None
    token: Path | None = None


@dataclass(frozen=True)
class Greeting:
    """What a worker says of itself: its machine as Ray and as people call it, our version there, and what keeps it from working, if anything does."""

    place: str
    host: str
    version: str
    problem: str = ""


class RayWorker:
    """Carries out steps, in a process of a cluster's own choice."""

    def __init__(self, work: Callable[[Step], Outcome], around: Surroundings) -> None:
        self.work, self.around = work, around

    def hello(self) -> Greeting:
        """Who is there, and whether it can work."""
        place = import_module("ray").get_runtime_context().get_node_id()
        return Greeting(place, socket.gethostname(), __version__, settled(self.around))

    def carry_out(self, step: Step) -> Outcome:
        """What becomes of a step; whatever goes wrong in it is its outcome."""
        return self.work(step)


def settled(around: Surroundings) -> str:
    """Makes this process one that works in such surroundings; returns why it cannot, or nothing."""
    for name, value in around.settings.items():
        os.environ.setdefault(name, value)
    if Path(around.folder).is_dir():
        os.chdir(around.folder)
        sys.path[:] = [*(p for p in sys.path if p != around.folder), around.folder]
    try:
        store = None if around.store is None else store_at(around.store)
        if isinstance(store, RemoteStore):
            store.holds("split", "0" * 64)
        elif store is not None and around.token is not None and not appears(around.token):
            return f"does not see the store {store.root}: it must lie in a folder that all machines share, or in a bucket"
    except (CanforgetError, OSError) as problem:
        return f"cannot reach the store: {problem}"
    return ""


def appears(path: Path) -> bool:
    """Whether a file is there, or comes before long: a shared folder shows some seconds late what is new."""
    until = time.monotonic() + SHARED_SECONDS
    while not path.exists():
        if time.monotonic() > until or not path.parent.parent.is_dir():
            return False
        time.sleep(0.1)
    return True


def travelling(work: Callable[[Step], Outcome], gpu: bool = True) -> Callable[[Step], Outcome]:
    """What carries out steps, with folders that mean the same wherever it does; on the CPU where there is no GPU."""
    if not isinstance(work, Job):
        return work
    root = work.root if isinstance(store_at(work.root), RemoteStore) else work.root.absolute()
    return replace(
        work,
        root=root,
        device=work.device if gpu else "cpu",
        data_dir=work.data_dir and work.data_dir.absolute(),
        track=work.track and work.track.absolute(),
    )


@contextmanager
def surroundings(work: Callable[[Step], Outcome]) -> Iterator[Surroundings]:
    """What to tell workers; a token lies in a store that is a folder as long as the block lasts."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("CANFORGET_")}
    here = Surroundings(os.getcwd(), settings)
    store = store_at(work.root) if isinstance(work, Job) else None
    if store is None or isinstance(store, RemoteStore):
        yield here if store is None else replace(here, store=store.place)
        return
    token = store.root.absolute() / "unfinished" / f"ray.{uuid4().hex}"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        yield replace(here, store=store.root.absolute(), token=token)
    finally:
        token.unlink(missing_ok=True)
