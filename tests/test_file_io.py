import errno
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.errors import ArtifactError, StoreError
from canforget.file_io import checksum, read_arrays, read_json, sweep_asides, write_arrays, write_atomically, write_json


def test_a_full_disk_keeps_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})

    def full(descriptor: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_atomically(path, b"new")
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays: dict[str, numpy.ndarray[Any, Any]] = {"a": numpy.arange(3), "b": numpy.ones((2, 2), numpy.float32)}
    write_arrays(tmp_path / "a.npz", arrays)
    back = read_arrays(tmp_path / "a.npz")
    assert all(numpy.array_equal(back[k], v) and back[k].dtype == v.dtype for k, v in arrays.items())


def test_pickled_arrays_are_neither_written_nor_read(tmp_path: Path) -> None:
    """An npz file may carry a pickle, and a pickle may run anything."""
    things = numpy.array([{}], dtype=object)
    with pytest.raises(ArtifactError, match="only plain arrays"):
        write_arrays(tmp_path / "a.npz", {"a": things})
    numpy.savez(tmp_path / "b.npz", a=things)
    with pytest.raises(ArtifactError, match="not a readable npz"):
        read_arrays(tmp_path / "b.npz")


def test_broken_json_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(ArtifactError, match="no such file"):
        read_json(tmp_path / "y.json")


def test_a_checksum_is_of_the_file_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"one", b"two", b""):
        path.write_bytes(content)
        time.sleep(0.01)
        assert checksum(path) == hashlib.sha256(content).hexdigest()


def test_only_old_files_of_killed_writers_are_swept(tmp_path: Path) -> None:
    """A file that another process is writing now looks the same, but for its age."""
    old, fresh = (tmp_path / f".results.json.{digit * 32}" for digit in "01")
    others = [tmp_path / name for name in ("results.json", ".hidden", ".results.json.abc")]
    for path in (old, fresh, *others):
        path.write_text("x")
    for path in (old, *others):
        os.utime(path, (time.time() - 9999,) * 2)
    sweep_asides(tmp_path)
    sweep_asides(tmp_path / "absent")
    assert not old.exists()
    assert all(path.exists() for path in (fresh, *others))
