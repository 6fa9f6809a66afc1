"""Artifacts by key: each a folder written aside and moved into place at once, so that processes share it and crashes leave no halves."""

import errno
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from canforget.errors import StoreError
from canforget.file_io import read_json


@dataclass(frozen=True)
class Store:
    """Artifacts under `root`, each in a folder named by its verb and key with a `step.json` that says how it came about."""

    root: Path

    def folder(self, verb: str, key: str) -> Path:
        """Where the artifact of a key lies, or will."""
        return self.root / verb / key[:2] / key

    def holds(self, verb: str, key: str) -> bool:
        """Whether the artifact is there, complete."""
        return (self.folder(verb, key) / "step.json").is_file()

    def provenance(self, verb: str, key: str) -> dict[str, Any]:
        """How an artifact came about: its label, inputs, seconds and versions."""
        found: dict[str, Any] = read_json(self.folder(verb, key) / "step.json")
        return found

    def put(self, verb: str, key: str, write: Callable[[Path], None], provenance: Mapping[str, Any]) -> Path:
        """Adds an artifact: `write(folder)` fills a folder aside, which is then moved into place; the first of two writers wins."""
        final = self.folder(verb, key)
        with writing(final.parent) as aside:
            write(aside)
            (aside / "step.json").write_text(json.dumps(provenance, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            if not final.exists():
                try:
                    aside.rename(final)
                except OSError as problem:
                    if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
        return final

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Keeps other processes from computing the same key at the same time."""
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{key}.lock"):
            yield

    def partial(self, key: str) -> Path:
        """Where a long training may leave its checkpoint."""
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{key}.safetensors"


@contextmanager
def writing(parent: Path) -> Iterator[Path]:
    """A fresh folder beside the final place; removed afterwards if it was not moved. A full disk or a missing right is one clear line."""
    aside = parent / f".{uuid.uuid4().hex}"
    try:
        aside.mkdir(parents=True)
        yield aside
    except OSError as problem:
        raise StoreError(f"{parent}: cannot be written: {problem.strerror or problem}; nothing was left half-written") from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)
