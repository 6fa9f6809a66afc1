"""Pixels decoded once into a file that processes map: stated before it starts, gone on with after a kill, sealed by its hash."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy

from canforget.data.cache import CACHE_DIR, cache_dir, content, json_digest
from canforget.data.dataset import Pixels
from canforget.errors import DataError, StoreError
from canforget.file_io import sweep_asides, write_atomically
from canforget.progress import note

STATED_BYTES = 2**26
"""Decoding to less than this is not worth a line."""
NOTED_BYTES = 2**23
"""So much is decoded, at most, between two lines of the journal: what a kill can cost."""
SECONDS_BETWEEN_LINES = 60.0

Decode = Callable[[int], Iterable[Pixels]]
"""The images [c, h, w] of a source from a place on, in order."""


@dataclass
class Decoding:
    """Images on their way into a file: `count` of a `shape` from `source`, in the words of a person, to lie at `path` in the end.

    Beside the file lies a journal with the hash of each block written, by which the next process knows what it may go on from.
    """

    path: Path
    count: int
    shape: tuple[int, ...]
    source: str
    done: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def unfinished(self) -> Path:
        """Where the images lie until they are whole."""
        return self.path.with_name(f"{self.path.name}.unfinished")

    @property
    def journal(self) -> Path:
        """Where the number of images and the hash of each block stand, a block a line."""
        return self.path.with_name(f"{self.path.name}.journal")

    @property
    def image_bytes(self) -> int:
        """Bytes of one decoded image."""
        return int(numpy.prod(self.shape))

    @property
    def missing_bytes(self) -> int:
        """Bytes that are still to be written."""
        return (self.count - self.done) * self.image_bytes

    def forget(self) -> None:
        """Removes what was begun."""
        for path in (self.unfinished, self.journal):
            path.unlink(missing_ok=True)


def cached_pixels(key: str, shape: tuple[int, ...], source: str, decode: Decode) -> Pixels:
    """What `decode(0)` yields, or did the last time for `key`, as one read-only array uint8 `shape` [n, c, h, w], mapped from a file.

    Of several processes that ask at once, one decodes. One that is killed loses a few megabytes at most: the next goes on from there. A
    cached file that is damaged is decoded again. `source` says in the words of a person what is decoded, and stays what it is when the
    images change.

    Raises:
        StoreError: The disk has not enough room, or the cache cannot be written.
    """
    decoding = Decoding(cache_dir() / "pixels" / f"{key}.npy", shape[0], shape[1:], source)
    try:
        decoding.path.parent.mkdir(parents=True, exist_ok=True)
        with alone(decoding):
            sweep_asides(decoding.path.parent)
            if not intact(decoding):
                say_what_changed(decoding)
                decode_into(decoding, decode)
        return memory_mapped(decoding.path)
    except OSError as problem:
        raise StoreError(
            f"{decoding.path}: decoded pixels cannot be kept: {problem.strerror}; set {CACHE_DIR} to a folder with room"
        ) from problem


@contextmanager
def alone(decoding: Decoding) -> Iterator[None]:
    """Holds the lock of these pixels; says so when another process has it."""
    from filelock import FileLock, Timeout

    lock = FileLock(decoding.path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        note(f"{decoding.source}: another process decodes these images; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def decode_into(decoding: Decoding, decode: Decode) -> None:
    """Fills the file, from where an earlier process left it, and seals it; a source that is at fault leaves nothing behind."""
    with decoding.unfinished.open("a+b") as file:
        go_on_from(decoding, file)
        state(decoding)
        began, first, told = time.monotonic(), decoding.done, time.monotonic()
        try:
            for block in stacked(decode(decoding.done), max(1, NOTED_BYTES // decoding.image_bytes)):
                append(decoding, file, block)
                if time.monotonic() - told > SECONDS_BETWEEN_LINES:
                    told = time.monotonic()
                    rate = (decoding.done - first) / (told - began)
                    note(f"{decoding.source}: {decoding.done:,} of {decoding.count:,} images decoded, {time_left(decoding, rate)} left")
        except DataError:
            decoding.forget()
            raise
        if decoding.done != decoding.count:
            decoding.forget()
            raise DataError(f"{decoding.source}: {decoding.done} images where {decoding.count} were listed; run it again")
        file.flush()
        os.fsync(file.fileno())
    write_atomically(seal_of_pixels(decoding.path), decoding.digest.hexdigest().encode())
    decoding.unfinished.replace(decoding.path)
    decoding.journal.unlink(missing_ok=True)


def go_on_from(decoding: Decoding, file: IO[bytes]) -> None:
    """Finds out how much of an unfinished file is as its journal says, cuts off the rest, and stands at its end."""
    lines = decoding.journal.read_text(encoding="ascii", errors="replace").splitlines() if decoding.journal.is_file() else []
    header = npy_header((decoding.count, *decoding.shape))
    file.seek(0)
    if file.read(len(header)) != header:
        lines = []
        file.truncate(0)
        file.write(header)
    decoding.digest.update(header)
    good = []
    for line in lines:
        images, _, wanted = line.partition(" ")
        block = file.read(int(images) * decoding.image_bytes) if images.isdecimal() else b""
        if hashlib.sha256(block).hexdigest() != wanted:
            break
        decoding.digest.update(block)
        decoding.done += int(images)
        good.append(line)
    file.truncate(len(header) + decoding.done * decoding.image_bytes)
    file.seek(0, os.SEEK_END)
    decoding.journal.write_text("".join(f"{line}\n" for line in good), encoding="ascii")


def npy_header(shape: tuple[int, ...]) -> bytes:
    """What stands before the pixels in a .npy file."""
    import io

    file = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def state(decoding: Decoding) -> None:
    """Says how large the decoded images will be, before the first is; raises `StoreError` when the disk has no room for them."""
    free, needed, folder = shutil.disk_usage(decoding.path.parent).free, decoding.missing_bytes, decoding.path.parent
    channels, height, width = decoding.shape
    what = f"{decoding.count:,} images as {channels} x {height} x {width} pixels"
    if needed > free:
        raise StoreError(
            f"{decoding.source}: {what} take {in_bytes(needed)}, and {folder} has {in_bytes(free)} free; set {CACHE_DIR} to a folder "
            "with room, or pass a smaller size="
        )
    if needed >= STATED_BYTES:
        begun = f"; going on after {decoding.done:,} that were decoded before" if decoding.done else ""
        note(f"{decoding.source}: decoding {what}: {in_bytes(needed)} in {folder}, which has {in_bytes(free)} free{begun}")


def stacked(images: Iterable[Pixels], size: int) -> Iterator[Pixels]:
    """Images `size` at a time, stacked."""
    waiting: list[Pixels] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == size:
            yield numpy.stack(waiting)
            waiting = []
    if waiting:
        yield numpy.stack(waiting)


def append(decoding: Decoding, file: IO[bytes], block: Pixels) -> None:
    """Writes a block, and then its line in the journal: a line without its block is found out by the hash."""
    content_of_block = numpy.ascontiguousarray(block).tobytes()
    file.write(content_of_block)
    file.flush()
    with decoding.journal.open("a", encoding="ascii") as journal:
        journal.write(f"{len(block)} {hashlib.sha256(content_of_block).hexdigest()}\n")
    decoding.digest.update(content_of_block)
    decoding.done += len(block)


def time_left(decoding: Decoding, rate: float) -> str:
    """How long the rest takes at so many images a second.

    >>> time_left(Decoding(Path(), 9000, (1, 8, 8), ""), 10.0)
    'about 15 min'
    """
    return f"about {max(1, round((decoding.count - decoding.done) / rate / 60))} min"


def in_bytes(count: int) -> str:
    """A number of bytes for people.

    >>> in_bytes(12_288_000_000), in_bytes(5_000_000)
    ('12.3 GB', '5 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def say_what_changed(decoding: Decoding) -> None:
    """Remembers which pixels a source has, and says when it had others: its images changed since."""
    memory = decoding.path.parent / f"{json_digest(decoding.source, decoding.shape)}.source.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_text(encoding="utf-8"))
        earlier = Decoding(decoding.path.with_name(Path(known["pixels"]).name), 0, (), "")
        if earlier.path != decoding.path:
            earlier.forget()
            kept = f"; those of before stay in {earlier.path} until you delete them" if earlier.path.is_file() else ""
            note(f"{decoding.source}: changed since its images were decoded; they are decoded again{kept}")
    write_atomically(memory, json.dumps({"source": decoding.source, "pixels": decoding.path.name}).encode())


def memory_mapped(path: Path) -> Pixels:
    """The array of a .npy file, mapped for reading alone: its pages belong to no process and count for none."""
    return numpy.asarray(numpy.load(path, mmap_mode="r", allow_pickle=False))


def intact(decoding: Decoding) -> bool:
    """Whether the pixels are there, of this shape, every byte as it was written; says so when they are there and are not."""
    path = decoding.path
    if not (path.is_file() and seal_of_pixels(path).is_file()):
        return False
    with suppress(OSError, ValueError, EOFError):
        if json_digest({"pixels": seal_of_pixels(path).read_text(encoding="ascii")}) == content({"pixels": path}):
            pixels = memory_mapped(path)
            return bool(pixels.dtype == numpy.uint8 and pixels.shape == (decoding.count, *decoding.shape))
    note(f"damaged: {path}: not as it was written; the images are decoded again")
    return False


def seal_of_pixels(path: Path) -> Path:
    """Where the checksum of cached pixels lies."""
    return path.with_name(f"{path.name}.sha256")
