"""Leases as files of a folder that machines share, over NFS too: made exclusively, renewed in place by their owner, moved away by others."""

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from canforget.errors import StoreError
from canforget.study.bucket import Found


@dataclass(frozen=True)
class LeaseFolder:
    """The leases below `root`. A file belongs to one owner as long as it lasts, whatever its name becomes; its tag is that of its content.

    It takes exclusive creation, renaming, and that a file opened anew shows what its writer closed. No lock of the file system, no date
    of a file and no clock of another machine decides anything.
    """

    root: Path

    def create(self, name: str, content: bytes) -> str | None:
        """Writes a lease unless there is one; returns its tag, or nothing where somebody was first."""
        path = self.root / name
        with usable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("xb", buffering=0)
            except FileExistsError:
                return None
            try:
                with file:
                    file.write(content)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return tag_of(content)
        return None

    def get(self, name: str) -> Found | None:
        """A lease, if it is there."""
        with usable(self.root / name), suppress(FileNotFoundError), (self.root / name).open("rb") as file:
            content = file.read()
            return Found(content, tag_of(content))
        return None

    def replace(self, name: str, content: bytes, tag: str) -> str | None:
        """For its owner: renews the lease that has this tag; returns its new tag, or nothing where it is another's by now.

        Written into the file itself: if it is moved away meanwhile, the write goes with it, and hurts no other lease.
        """
        with usable(self.root / name), suppress(FileNotFoundError), (self.root / name).open("r+b", buffering=0) as file:
            if tag_of(file.read()) != tag:
                return None
            file.seek(0)
            file.write(content)
            return tag_of(content)
        return None

    def seize(self, name: str, content: bytes, tag: str) -> str | None:
        """For others: moves the lease that has this tag away and makes a new one; one that was renewed meanwhile is put back."""
        path = self.root / name
        grave = self.root / "unfinished" / f"{path.stem}.{uuid.uuid4().hex}"
        with usable(path):
            grave.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                path.rename(grave)
                if tag_of(grave.read_bytes()) != tag:
                    with suppress(OSError):
                        os.link(grave, path)
                    tag = ""
                grave.unlink()
                return self.create(name, content) if tag else None
        return None

    def delete(self, name: str) -> None:
        """Removes a lease, if it is there."""
        with usable(self.root / name):
            (self.root / name).unlink(missing_ok=True)


def tag_of(content: bytes) -> str:
    """What tells one content of a lease from another."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Says in a line why a lease cannot be used; one that another machine removed while it was open is gone, like any other."""
    try:
        yield
    except OSError as problem:
        if problem.errno == errno.ESTALE:
            return
        raise StoreError(f"{path}: cannot be used: {problem.strerror or problem}") from problem
