import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from canforget.data import pixel_cache
from canforget.data.pixel_cache import cached_pixels
from canforget.errors import DataError, StoreError
from canforget.progress import noting


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cache of each test's own."""
    monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pixels"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """The lines that a person would see."""
    lines: list[str] = []
    with noting(lines.append):
        yield lines


PIXELS = numpy.arange(240, dtype=numpy.uint8).reshape(20, 3, 2, 2)


def whole(start: int) -> Any:
    return PIXELS[start:]


def failing(start: int) -> Any:
    pytest.fail("decoded again")


def found(decode: Any = whole, key: str = "key", source: str = "pets") -> Any:
    return cached_pixels(key, PIXELS.shape, source, decode)


def test_pixels_are_decoded_once() -> None:
    assert numpy.array_equal(found(), PIXELS)
    assert numpy.array_equal(found(failing), PIXELS)


def test_the_file_is_one_that_numpy_reads(cache: Any) -> None:
    """It is written block by block, behind a header of our own making."""
    found()
    assert numpy.array_equal(numpy.load(cache / "key.npy"), PIXELS)
    assert sorted(p.name for p in cache.iterdir() if p.suffix != ".lock" and "source" not in p.name) == ["key.npy", "key.npy.sha256"]


def test_cached_pixels_cannot_be_written_to() -> None:
    """Pages that were written to would be the process's own, and count for its memory; the file must stay as it is."""
    with pytest.raises(ValueError, match="read-only"):
        found()[:] = 0


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", None])
def test_damaged_pixels_are_decoded_again(cache: Any, damage: Any) -> None:
    """A file cut short must not crash, or be shown as fewer images."""
    found()
    path = cache / "key.npy"
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    assert numpy.array_equal(found(), PIXELS)


@pytest.mark.parametrize("name", ["key.npy", "key.npy.sha256"])
def test_a_flipped_bit_in_cached_pixels_is_named_and_decoded_again(cache: Any, name: Any, said: list[str]) -> None:
    """An image that was another one gave other records without a word."""
    found()
    content = bytearray((cache / name).read_bytes())
    content[-1] ^= 1
    (cache / name).write_bytes(content)
    assert numpy.array_equal(found(), PIXELS)
    assert "not as it was written; the images are decoded again" in said[0]
    assert numpy.array_equal(found(failing), PIXELS)


def test_pixels_of_another_shape_are_decoded_again() -> None:
    found()
    assert cached_pixels("key", (1, 3, 2, 2), "pets", lambda start: PIXELS[:1]).shape == (1, 3, 2, 2)


class Killed(BaseException):
    """What a killed process does not even notice."""


def until(last: int) -> Any:
    """Decodes from `start` to `last`, then dies."""

    def decode(start: int) -> Iterator[Any]:
        yield from PIXELS[start:last]
        raise Killed

    return decode


def starts(seen: list[int]) -> Any:
    def decode(start: int) -> Any:
        seen.append(start)
        return PIXELS[start:]

    return decode


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four images a block."""
    monkeypatch.setattr(pixel_cache, "NOTED_BYTES", 4 * 12)


def test_decoding_goes_on_where_a_kill_stopped_it(small_blocks: None, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A million photographs take hours; twice in a row, the second time from where the first left off."""
    monkeypatch.setattr(pixel_cache, "STATED_BYTES", 0)
    seen: list[int] = []
    for last in (10, 17):
        with pytest.raises(Killed):
            found(until(last))
    assert numpy.array_equal(found(starts(seen)), PIXELS)
    assert seen == [16]
    assert "going on after 16 that were decoded before" in said[-1]
    assert numpy.array_equal(found(failing), PIXELS)


@pytest.mark.parametrize(("file", "place", "kept"), [("unfinished", -40, 8), ("unfinished", 60, 0), ("journal", -1, 12), ("journal", 8, 0)])
def test_only_what_is_as_its_journal_says_is_gone_on_from(cache: Any, small_blocks: None, file: str, place: int, kept: int) -> None:
    """A power cut leaves blocks of zeros under a journal that says they are there."""
    with pytest.raises(Killed):
        found(until(13))
    path = cache / f"key.npy.{file}"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content if file == "unfinished" or place > 0 else content[:-1])
    seen: list[int] = []
    assert numpy.array_equal(found(starts(seen)), PIXELS)
    assert seen == [kept]


def test_a_journal_without_its_images_begins_anew(cache: Any, small_blocks: None) -> None:
    with pytest.raises(Killed):
        found(until(13))
    (cache / "key.npy.unfinished").unlink()
    assert numpy.array_equal(found(), PIXELS)


def test_a_killed_process_is_gone_on_from_by_another(cache: Any) -> None:
    """Nothing is flushed, closed or unlocked by a process that is killed."""
    program = """
        import os, signal, numpy
        from canforget.data import pixel_cache
        pixel_cache.NOTED_BYTES = 48
        def decode(start):
            for i in range(20):
                if i == 11: os.kill(os.getpid(), signal.SIGKILL)
                yield numpy.arange(12, dtype=numpy.uint8).reshape(3, 2, 2) + numpy.uint8(12 * i)
        pixel_cache.cached_pixels("key", (20, 3, 2, 2), "pets", decode)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=os.environ, check=False)
    assert died.returncode == -9
    seen: list[int] = []
    assert numpy.array_equal(found(starts(seen)), PIXELS)
    assert seen == [8]


def test_of_several_at_once_one_decodes() -> None:
    calls = []

    def decode(start: int) -> Any:
        calls.append(start)
        time.sleep(0.1)
        return PIXELS

    threads = [threading.Thread(target=found, args=(decode,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [0]


def test_a_source_at_fault_leaves_nothing_behind(cache: Any, small_blocks: None) -> None:
    """Half an array under a whole one's name is believed the next time; and mended images are others, under another key."""

    def decode(start: int) -> Iterator[Any]:
        yield from PIXELS[:9]
        raise DataError("row 9 is damaged")

    with pytest.raises(DataError, match="row 9"):
        found(decode)
    assert not list(cache.glob("*npy*"))


@pytest.mark.parametrize("count", [19, 21])
def test_another_number_of_images_than_listed_is_an_error(cache: Any, count: int) -> None:
    with pytest.raises(DataError, match=f"pets: {count} images where 20 were listed"):
        found(lambda start: numpy.resize(PIXELS, (count, 3, 2, 2)))
    assert not list(cache.glob("*npy*"))


def test_a_disk_that_fills_up_is_one_line_and_what_was_decoded_is_kept(cache: Any, small_blocks: None) -> None:
    """A traceback from a writer does not say which variable to set; and hours of decoding are not thrown away for want of room."""

    def decode(start: int) -> Iterator[Any]:
        yield from PIXELS[:9]
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device; set CANFORGET_CACHE_DIR"):
        found(decode)
    assert not (cache / "key.npy").exists()
    seen: list[int] = []
    found(starts(seen))
    assert seen == [8]


def test_the_size_is_stated_before_anything_is_decoded(said: list[str], cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "STATED_BYTES", 240)

    def decode(start: int) -> Any:
        assert said[0].startswith(f"pets: decoding 20 images as 3 x 2 x 2 pixels: 0 MB in {cache}, which has ")
        return PIXELS

    found(decode)
    assert len(said) == 1


def test_a_disk_without_room_is_found_out_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """After hours would be too late."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=239))
    with pytest.raises(StoreError, match="pets: 20 images as 3 x 2 x 2 pixels take 0 MB, and .* has 0 MB free; set CANFORGET_CACHE_DIR"):
        found(failing)


def test_images_that_changed_since_they_were_decoded_are_a_line(said: list[str], cache: Any, small_blocks: None) -> None:
    """It explains why a study that took minutes yesterday decodes for an hour today, and where gigabytes went."""
    found()
    found(key="other")
    assert said == [
        f"pets: changed since its images were decoded; they are decoded again; those of before stay in {cache / 'key.npy'} until you delete them"
    ]
    found(key="third", source="others")
    assert len(said) == 1


def test_what_was_begun_of_images_that_changed_since_is_removed(said: list[str], cache: Any, small_blocks: None) -> None:
    with pytest.raises(Killed):
        found(until(13))
    found(key="other")
    assert said == ["pets: changed since its images were decoded; they are decoded again"]
    assert not list(cache.glob("key.npy*"))


def test_a_process_that_waits_for_another_says_so(said: list[str], cache: Any) -> None:
    """A silent command seems to hang."""
    from filelock import FileLock

    cache.mkdir(parents=True)
    held = threading.Event()

    def other() -> None:
        with FileLock(cache / "key.lock"):
            held.set()
            time.sleep(1.3)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    found()
    thread.join()
    assert said == ["pets: another process decodes these images; waiting for it"]


def test_how_far_it_has_come_is_told_now_and_then(said: list[str], small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "SECONDS_BETWEEN_LINES", -1.0)
    found()
    assert said[0] == "pets: 4 of 20 images decoded, about 1 min left"
