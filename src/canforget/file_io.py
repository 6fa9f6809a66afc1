"""Writing a file at once or not at all: whatever stops a process, no reader ever sees half of it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from canforget.errors import StoreError


@contextmanager
def appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file to fill, which appears at `path` when the block ends well, flushed, and leaves nothing when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file at once; raises `StoreError` when the disk is full or the folder cannot be written."""
    try:
        with appearing(path) as file:
            file.write(content)
    except OSError as problem:
        raise StoreError(f"{path}: cannot be written: {problem.strerror or problem}; nothing was left half-written") from problem
