"""Where data sets lie on a disk, the hash of their bytes, and the cache of their decoded pixels."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy

from canforget.data.dataset import Pixels
from canforget.errors import DataError, StoreError
from canforget.file_io import appearing, checksum, sweep_asides, write_atomically
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


def cached_pixels(key: str, count: int, decode: Callable[[], Pixels]) -> Pixels:
    """`decode()`, or what it returned the last time for `key`: `count` images, mapped from a file that processes share.

    The array may be written to; what is written stays in memory. Of several processes that ask at once, one decodes. A cached file
    that is damaged is decoded again. Raises `StoreError` when the cache cannot be written.
    """
    from filelock import FileLock

    path = cache_dir() / "pixels" / f"{key}.npy"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            sweep_asides(path.parent)
            if not intact(path, count):
                decoded = decode()
                with appearing(path) as file:
                    numpy.save(file, decoded, allow_pickle=False)
                write_atomically(seal_of_pixels(path), checksum(path).encode())
    except OSError as problem:
        raise StoreError(f"{path}: decoded pixels cannot be kept: {problem.strerror}; set {CACHE_DIR} to a folder with room") from problem
    return memory_mapped(path)


def memory_mapped(path: Path) -> Pixels:
    """The array of a .npy file, copied page by page only where it is written to."""
    return numpy.asarray(numpy.load(path, mmap_mode="c", allow_pickle=False))


def intact(path: Path, count: int) -> bool:
    """Whether `path` holds the pixels of `count` images, every byte as it was written; says so when it does not."""
    if not (path.is_file() and seal_of_pixels(path).is_file()):
        return False
    with suppress(OSError, ValueError, EOFError):
        if seal_of_pixels(path).read_bytes() == checksum(path).encode():
            pixels = memory_mapped(path)
            return bool(pixels.dtype == numpy.uint8 and pixels.ndim == 4 and len(pixels) == count)
    note(f"damaged: {path}: not as it was written; the images are decoded again")
    return False


def seal_of_pixels(path: Path) -> Path:
    """Where the checksum of cached pixels lies."""
    return path.with_name(f"{path.name}.sha256")
