"""Where data sets and caches lie on a disk, and the hash of files' bytes."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from canforget.errors import DataError
from canforget.file_io import appearing
from canforget.progress import note

DATA_DIR = "CANFORGET_DATA_DIR"
CACHE_DIR = "CANFORGET_CACHE_DIR"
SETTLED_SECONDS = 2.0
"""A file changed more recently than this is hashed again next time: a second change could leave its size and time as they are."""


def data_root(name: str, data_dir: Path | None) -> Path:
    """The directory of data sets: `data_dir`, or else what CANFORGET_DATA_DIR says; raises `DataError` when it is not there."""
    named = data_dir or os.environ.get(DATA_DIR)
    if not named:
        raise DataError(
            f"{name}: no directory of data sets was named; pass --data-dir DIR or set {DATA_DIR}; --data-dir . is the working directory"
        )
    root = Path(named).expanduser()
    if not root.is_dir():
        raise DataError(f"{name}: there is no directory {root}; pass another --data-dir or change {DATA_DIR}")
    return root


def cache_dir() -> Path:
    """CANFORGET_CACHE_DIR, or else the folder that the platform keeps for a user's caches."""
    if os.environ.get(CACHE_DIR):
        return Path(os.environ[CACHE_DIR]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/canforget"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "canforget/cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canforget"


def json_digest(*parts: object) -> str:
    """SHA-256 of values that JSON can hold.

    >>> json_digest("a", 1) == json_digest("a", 1) != json_digest("a", "1")
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def content(files: Mapping[str, Path]) -> str:
    """SHA-256 of files' bytes, each under a name that stands for its part in the data set; where the files lie does not matter.

    The answer is remembered by path, size, time of change and inode, so that planning need not read gigabytes again. A memory that cannot
    be read or written, or is not as it was written, only costs time.
    """
    stats = {name: path.stat() for name, path in files.items()}
    state = json_digest({n: [str(files[n].resolve()), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for n, s in stats.items()})
    memory = cache_dir() / "fingerprints" / f"{state}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known["check"] == json_digest(state, known["sha256"]):
            return str(known["sha256"])
    if memory.is_file():
        note(f"damaged: {memory}: not as it was written; the data set's files are read again")
    started = time.time()
    found = json_digest({name: file_hash(path) for name, path in files.items()})
    changed = max((max(s.st_mtime, s.st_ctime) for s in stats.values()), default=0.0)
    if changed + SETTLED_SECONDS < started:
        with suppress(OSError), appearing(memory) as file:
            file.write(json.dumps({"sha256": found, "check": json_digest(state, found)}).encode())
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; raises `DataError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise DataError(f"{path}: cannot be read: {problem.strerror}") from None
