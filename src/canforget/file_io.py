"""Files written at once or not at all, their checksums, and the removal of what killed writers left."""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy
from numpy.typing import NDArray

from canforget.errors import ArtifactError, StoreError


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


ABANDONED_SECONDS = 3600.0
"""A file aside that nothing has been written to for so long belongs to a writer that was killed."""


def clock_of(folder: Path) -> float:
    """The time that dates what is written to a folder now: of a shared one, its server's, whatever the clock of this machine says."""
    probe = folder / f".clock.{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def sweep_asides(folder: Path) -> None:
    """Removes files that killed writers left unfinished in a folder."""
    with suppress(OSError):
        left = [path for path in folder.iterdir() if re.fullmatch(r"\..+\.[0-9a-f]{32}", path.name)]
        now = clock_of(folder) if left else 0.0
        for path in left:
            if now - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal; read once by a process while its size, time of change and inode stay as they are."""
    state = path.stat()
    return checksum_in_state(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@lru_cache(maxsize=65536)
def checksum_in_state(path: Path, *state: int) -> str:
    """SHA-256 of a file that is in a state."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Arrays = Mapping[str, NDArray[Any]]


def write_json(path: Path, content: Any) -> None:
    """Writes `content` as indented, sorted JSON, atomically; NaN is refused."""
    write_atomically(path, as_json(content))


def as_json(content: Any) -> bytes:
    """The bytes of `content` as indented, sorted JSON; NaN is refused."""
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """The JSON in a file; `ArtifactError` when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file") from None
    except OSError as problem:
        raise ArtifactError(f"{path}: cannot be read ({problem.strerror or problem})") from None
    except (ValueError, RecursionError) as problem:
        raise ArtifactError(f"{path}: not valid JSON ({problem}); delete it and run again") from None


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Writes named arrays as an npz file without pickles."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ArtifactError(f"{path}: '{name}' holds Python objects; only plain arrays are stored")
    with path.open("wb") as file:
        numpy.savez(file, **arrays)  # type: ignore[arg-type]  # an array may be named as an argument for all mypy knows


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; pickled content is refused."""
    try:
        with numpy.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError) as problem:
        raise ArtifactError(f"{path}: not a readable npz file ({problem}); delete its folder and run again") from None
