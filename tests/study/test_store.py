import errno
import hashlib
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import DamagedError, StoreError
from canforget.study.lease import this_system
from canforget.study.lease_folder import LeaseFolder
from canforget.study.store import Store


def put(store: Any, key: Any = "abc", text: Any = "x") -> Any:
    return store.put("train", key, lambda folder: (folder / "file").write_text(text), {"key": key})


def test_an_artifact_is_there_only_when_it_is_complete(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="half way"):
        store.put("train", "abc", broken, {})
    assert not store.holds("train", "abc")
    assert not any((tmp_path / "unfinished").iterdir())
    put(store)
    assert store.holds("train", "abc")
    assert store.provenance("train", "abc") == {"key": "abc", "files": {"file": hashlib.sha256(b"x").hexdigest()}}


def broken(folder: Any) -> None:
    (folder / "file").write_text("x")
    raise ValueError("half way")


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = put(store, text="first")
    put(store, text="second")
    assert (folder / "file").read_text() == "first"
    assert [p.name for p in folder.parent.iterdir()] == ["abc"]


def test_many_threads_may_put_the_same_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    threads = [threading.Thread(target=put, args=(store,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.holds("train", "abc")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def full(folder: Any) -> None:
        (folder / "file").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be written: No space left on device; nothing was left half-written"):
        store.put("train", "abc", full, {})
    assert not any((tmp_path / "unfinished").iterdir())
    assert not (tmp_path / "train").exists()


def age(path: Any) -> None:
    """Makes a file or folder one that nothing has been written to for hours."""
    os.utime(path, (time.time() - 9999,) * 2)


def flip(path: Any) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["file", "step.json", "step.json.sha256"])
@pytest.mark.parametrize("harm", [flip, lambda p: p.write_bytes(p.read_bytes()[:-1]), lambda p: p.write_bytes(b""), Path.unlink])
def test_whatever_happens_to_a_file_of_an_artifact_is_named_and_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: Any, harm: Any
) -> None:
    """A flipped bit in a model's weights gave other records without a word."""
    store = Store(tmp_path)
    folder = put(store)
    assert store.sound("train", "abc")
    harm(folder / name)
    assert not store.sound("train", "abc")
    with store.claimed("abc"):
        assert not store.kept("train", "abc")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("damaged: train: ")
    assert "set aside as" in line
    assert not folder.exists()
    assert len(list((tmp_path / "damaged").iterdir())) == 1
    put(store)
    assert store.sound("train", "abc")


def test_a_folder_that_somebody_deleted_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was made again without a word."""
    store = Store(tmp_path)
    with store.claimed("abc"):
        assert not store.kept("train", "abc")
        shutil.rmtree(put(store))
        assert capsys.readouterr().err == ""
        assert not store.kept("train", "abc")
        assert capsys.readouterr().err == "deleted: train: abc is gone from the store, to be made again\n"
        assert not store.kept("train", "abc")
        put(store)
        assert store.kept("train", "abc")
    assert store.remove(store.folder("train", "abc"), "abc")
    with store.claimed("abc"):
        assert not store.kept("train", "abc")
    assert capsys.readouterr().err == "", "what was removed on purpose was named"


def test_a_move_whose_answer_was_lost_is_a_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over NFS: asked again, the server says that there is nothing to move."""
    store, move = Store(tmp_path), Path.rename

    def moved_twice(self: Path, target: Path) -> Path:
        move(self, target)
        return move(self, target)

    monkeypatch.setattr(Path, "rename", moved_twice)
    put(store)
    assert store.sound("train", "abc")


def test_a_damaged_file_is_never_handed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    flip(put(store) / "file")
    with pytest.raises(DamagedError):
        store.file("train", "abc", "file")
    assert "file is not as it was written" in capsys.readouterr().err
    with pytest.raises(DamagedError):
        store.provenance("train", "abc")


def test_a_verified_file_is_not_read_again_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judgement reads the same predictions as a hundred others."""
    store = Store(tmp_path)
    path = put(store) / "file"
    store.file("train", "abc", "file")
    monkeypatch.setattr("hashlib.file_digest", None)
    store.file("train", "abc", "file")
    monkeypatch.undo()
    time.sleep(0.01)
    flip(path)
    assert not store.sound("train", "abc")


def test_the_seal_is_what_sha256sum_reads(tmp_path: Path) -> None:
    folder = put(Store(tmp_path))
    digest, name = (folder / "step.json.sha256").read_text().split()
    assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_what_cannot_be_set_aside_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    folder = put(store)

    def refused(self: Any, target: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(StoreError, match="damaged, and cannot be moved to .*: Permission denied; delete it and run again"):
        store.set_aside(folder, "train: step.json is missing")


def test_what_killed_writers_left_is_swept_when_it_is_old_and_nobody_works_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of interrupted writes and torn checkpoints stayed for ever. Old is what is so by the clock that dates the files."""
    store = Store(tmp_path)
    put(store, key="done")
    left = [tmp_path / "unfinished" / f"{k}.{'0' * 32}" for k in ("old", "busy", "fresh")]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    checkpoints = [store.partial(k) for k in ("done", "under-way")]
    torn = store.partial("under-way").with_name("under-way.safetensors.123.partial")
    for path in (*checkpoints, torn):
        path.write_text("x")
    for path in (left[0], left[1], *checkpoints, torn):
        age(path)
    dead = LeaseFolder(tmp_path).create("leases/dead.json", json.dumps({"process": 2**22 + 1, "system": this_system()}).encode())
    assert dead
    monkeypatch.setattr(time, "time", lambda: 9e9)
    with store.claimed("busy"):
        store.sweep()
        assert [p.name for p in (tmp_path / "leases").iterdir()] == ["busy.json"]
    assert [p.exists() for p in left] == [False, True, True]
    assert [p.exists() for p in (*checkpoints, torn)] == [False, True, False]
    assert store.sound("train", "done")


def test_a_store_that_is_not_there_yet_has_nothing_to_sweep(tmp_path: Path) -> None:
    Store(tmp_path / "none").sweep()
    assert not (tmp_path / "none").exists()
