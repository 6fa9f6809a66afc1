import errno
import threading

import numpy
import pytest

from canforget.errors import ArtifactError, StoreError
from canforget.file_io import read_arrays, read_json, write_arrays, write_atomically, write_json
from canforget.study.store import Store


def put(store, key="abc", text="x"):
    return store.put("train", key, lambda folder: (folder / "file").write_text(text), {"key": key})


def test_an_artifact_is_there_only_when_it_is_complete(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="half way"):
        store.put("train", "abc", broken, {})
    assert not store.holds("train", "abc")
    assert list((tmp_path / "train" / "ab").iterdir()) == []
    put(store)
    assert store.holds("train", "abc")
    assert store.provenance("train", "abc") == {"key": "abc"}


def broken(folder):
    (folder / "file").write_text("x")
    raise ValueError("half way")


def test_the_first_of_two_writers_wins(tmp_path):
    store = Store(tmp_path)
    folder = put(store, text="first")
    put(store, text="second")
    assert (folder / "file").read_text() == "first"
    assert [p.name for p in folder.parent.iterdir()] == ["abc"]


def test_many_threads_may_put_the_same_key(tmp_path):
    store = Store(tmp_path)
    threads = [threading.Thread(target=put, args=(store,)) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert store.holds("train", "abc")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    def full(folder):
        (folder / "file").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be written: No space left on device; nothing was left half-written"):
        store.put("train", "abc", full, {})
    assert not any((tmp_path / "train" / "ab").iterdir())


def test_a_full_disk_keeps_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_atomically(path, b"new")
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"a": numpy.arange(3), "b": numpy.ones((2, 2), numpy.float32)}
    write_arrays(tmp_path / "a.npz", arrays)
    back = read_arrays(tmp_path / "a.npz")
    assert all(numpy.array_equal(back[k], v) and back[k].dtype == v.dtype for k, v in arrays.items())


def test_pickled_arrays_are_neither_written_nor_read(tmp_path):
    """An npz file may carry a pickle, and a pickle may run anything."""
    things = numpy.array([{}], dtype=object)
    with pytest.raises(ArtifactError, match="only plain arrays"):
        write_arrays(tmp_path / "a.npz", {"a": things})
    numpy.savez(tmp_path / "b.npz", a=things)
    with pytest.raises(ArtifactError, match="not a readable npz"):
        read_arrays(tmp_path / "b.npz")


def test_broken_json_says_what_to_do(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(ArtifactError, match="no such file"):
        read_json(tmp_path / "y.json")
