import os
import sys
from pathlib import Path
from typing import Any

import pytest

from canforget.data import cache as data_cache
from canforget.data.cache import cache_dir, content, data_root
from canforget.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cache of each test's own."""
    monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written a moment ago count as settled."""
    monkeypatch.setattr(data_cache, "SETTLED_SECONDS", -10.0)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    return path


def test_content_is_decided_by_bytes_and_parts_and_not_by_where_files_lie(file: Any, tmp_path: Path) -> None:
    """A hash with the path in it computes everything again after a folder was moved."""
    moved = tmp_path / "b.bin"
    moved.write_bytes(b"one")
    assert content({"train": file}) == content({"train": moved}) != content({"test": file})
    moved.write_bytes(b"two")
    assert content({"train": file}) != content({"train": moved})


def test_content_is_remembered(file: Any, settled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning would read gigabytes each time."""
    known = content({"x": file})
    monkeypatch.setattr(data_cache, "file_hash", pytest.fail)
    assert content({"x": file}) == known


def test_a_file_changed_behind_its_size_and_time_is_hashed_again(file: Any, settled: Any) -> None:
    """`cp -p` and `rsync -t` put a file's old time back; the stale hash would stand for other images."""
    known, stat = content({"x": file}), file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content({"x": file}) != known


def test_a_file_changed_a_moment_ago_is_not_remembered(file: Any, cache: Any) -> None:
    """A second change within the clock's tick leaves size and time as they were."""
    content({"x": file})
    assert not (cache / "fingerprints").exists()


def test_a_damaged_memory_is_not_believed(file: Any, settled: Any, cache: Any) -> None:
    """Half a JSON, or another one, is what a full disk leaves."""
    known = content({"x": file})
    (memory,) = (cache / "fingerprints").iterdir()
    for damage in ("", "[]", '{"sha256": 5}', "null"):
        memory.write_text(damage)
        assert content({"x": file}) == known


def test_a_flipped_digit_of_a_remembered_hash_is_named_and_not_believed(
    file: Any, settled: Any, cache: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It made another data set of the same files: every key changed, and every stream of random numbers with it."""
    known = content({"x": file})
    (memory,) = (cache / "fingerprints").iterdir()
    memory.write_text(memory.read_text().replace(known[:8], "00000000"))
    assert content({"x": file}) == known
    assert "not as it was written; the data set's files are read again" in capsys.readouterr().err


def test_a_memory_that_cannot_be_kept_only_costs_time(file: Any, settled: Any, cache: Any) -> None:
    """The home directory of a cluster's worker may be read-only."""
    cache.write_text("a file where the folder should be")
    assert len(content({"x": file})) == 64


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.bin: cannot be read"):
        data_cache.file_hash(tmp_path / "gone.bin")


def test_the_data_directory_is_the_argument_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_DATA_DIR", "/nowhere")
    assert data_root("cifar10", tmp_path) == tmp_path
    monkeypatch.setenv("CANFORGET_DATA_DIR", str(tmp_path))
    assert data_root("cifar10", None) == tmp_path


def test_a_data_directory_that_is_unnamed_or_missing_is_one_line_that_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANFORGET_DATA_DIR", raising=False)
    with pytest.raises(
        DataError,
        match="cifar10: no directory of data sets was named; pass --data-dir DIR or set CANFORGET_DATA_DIR; --data-dir [.] is the working",
    ):
        data_root("cifar10", None)
    with pytest.raises(DataError, match="cifar10: there is no directory /nowhere; pass another --data-dir"):
        data_root("cifar10", Path("/nowhere"))


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/canforget"),
        ("linux", {}, "/home/me/.cache/canforget"),
        ("darwin", {}, "/home/me/Library/Caches/canforget"),
        ("win32", {}, "/home/me/AppData/Local/canforget/cache"),
        ("win32", {"CANFORGET_CACHE_DIR": "/mine"}, "/mine"),
    ],
)
def test_caches_lie_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch, platform: Any, variables: Any, expected: Any) -> None:
    """A cache in a documents folder is backed up and synchronized."""
    for name in ("CANFORGET_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert cache_dir() == Path(expected)
