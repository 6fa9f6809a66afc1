"""Writing a file at once or not at all: whatever stops a process, no reader ever sees half of it."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


Arrays = Mapping[str, NDArray[Any]]


def write_json(path: Path, content: Any) -> None:
    """Writes `content` as indented, sorted JSON, atomically; NaN is refused."""
    write_atomically(path, (json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON in a file; `ArtifactError` when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file") from None
    except ValueError as problem:
        raise ArtifactError(f"{path}: not valid JSON ({problem}); delete it and run again") from None


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Writes named arrays as an npz file without pickles."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ArtifactError(f"{path}: '{name}' holds Python objects; only plain arrays are stored")
    with path.open("wb") as file:
        numpy.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; pickled content is refused."""
    try:
        with numpy.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError) as problem:
        raise ArtifactError(f"{path}: not a readable npz file ({problem}); delete its folder and run again") from None
