import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import DamagedError
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.remote_store import RemoteStore, object_name, store_at
from canforget.study.run import run
from canforget.study.store import Store
from canforget.study.store_archive import export_artifacts, import_artifacts
from canforget.study.store_use import contents

KEY = "ab" * 32
OBJECT = object_name("train", KEY)


@pytest.fixture
def stores(bucket_url: str, tmp_path: Path) -> Any:
    """The same bucket seen from two machines."""
    return [RemoteStore(tmp_path / machine, bucket_url) for machine in ("a", "b")]


def put(store: Store, text: str = "x") -> None:
    def write(folder: Path) -> None:
        (folder / "file").write_text(text)

    store.put("train", KEY, write, {"verb": "train", "key": KEY})


def test_a_name_is_a_folder_or_a_bucket_even_when_a_path_took_its_slash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path))
    assert store_at("a/b") == Store(Path("a/b"))
    for place in ("s3://bucket/a/b", "s3://bucket/a/b/", Path("s3://bucket/a/b")):
        found = store_at(place)
        assert isinstance(found, RemoteStore)
        assert found.url == "s3://bucket/a/b"
        assert found.root.parent == tmp_path
        assert store_at(found.place) == found
    assert store_at("s3://bucket/other").root != store_at("s3://bucket/a/b").root


def test_what_one_machine_writes_another_reads_and_the_first_writer_wins(stores: Any) -> None:
    a, b = stores
    assert not a.sound("train", KEY)
    put(a, "first")
    assert b.sound("train", KEY)
    assert b.file("train", KEY, "file").read_text() == "first"
    assert b.provenance("train", KEY) == a.provenance("train", KEY)
    assert a.artifacts() == b.artifacts() == [("train", KEY)]
    late = RemoteStore(a.root.with_name("late"), a.url)
    put(late, "second")
    assert late.file("train", KEY, "file").read_text() == "first"
    assert not list((late.root / "unfinished").iterdir())


def test_an_artifact_is_fetched_once(stores: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = stores
    put(a)
    fetched = b.file("train", KEY, "file").read_bytes()
    monkeypatch.setattr("canforget.study.bucket.Bucket.get", None)
    assert b.file("train", KEY, "file").read_bytes() == fetched == a.file("train", KEY, "file").read_bytes()


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9])
def test_a_damaged_object_is_named_set_aside_and_made_again(stores: Any, capsys: pytest.CaptureFixture[str], place: float) -> None:
    a, b = stores
    put(a, "first" * 500)
    found = a.bucket.get(OBJECT)
    content = bytearray(found.content)
    content[int(len(content) * place)] ^= 1
    a.bucket.replace(OBJECT, bytes(content), found.tag)
    if b.damage("train", KEY) == "":
        assert b.file("train", KEY, "file").read_text() == "first" * 500, "the bit was one of the padding"
        return
    with pytest.raises(DamagedError):
        b.file("train", KEY, "file")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("damaged: train: ")
    assert f"set aside as {b.url}/damaged/train-{KEY}." in line
    assert not b.sound("train", KEY)
    assert not b.root.joinpath("train").exists()
    put(b, "second")
    assert RemoteStore(a.root.with_name("new"), a.url).file("train", KEY, "file").read_text() == "second"


def test_a_cut_off_object_is_damaged_and_the_cache_of_another_heals_it(stores: Any, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = stores
    put(a)
    found = a.bucket.get(OBJECT)
    a.bucket.replace(OBJECT, found.content[:700], found.tag)
    with pytest.raises(DamagedError):
        b.file("train", KEY, "file")
    assert "the object is not as it was written" in capsys.readouterr().err
    assert not a.sound("train", KEY)
    with a.claimed(KEY):
        assert a.kept("train", KEY)
    assert b.file("train", KEY, "file").read_text() == "x"


def test_a_damaged_copy_in_the_cache_is_fetched_again(stores: Any, capsys: pytest.CaptureFixture[str]) -> None:
    a, _ = stores
    put(a)
    (a.folder("train", KEY) / "file").write_text("y")
    assert a.file("train", KEY, "file").read_text() == "x"
    assert "file is not as it was written; set aside as" in capsys.readouterr().err


def test_what_the_bucket_has_lost_is_named_and_put_there_again(stores: Any, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = stores
    put(a)
    a.bucket.delete(OBJECT)
    assert not a.sound("train", KEY)
    with a.claimed(KEY):
        assert a.kept("train", KEY)
    assert b.sound("train", KEY)
    assert capsys.readouterr().err == f"missing: train: {KEY[:12]} is not in {a.url}, put there from this machine's cache\n"
    a.bucket.delete(OBJECT)
    a.forget(a.folder("train", KEY))
    with a.claimed(KEY):
        assert not a.kept("train", KEY)
        assert not b.kept("train", KEY), "another machine that never saw it"
    assert capsys.readouterr().err == f"deleted: train: {KEY[:12]} is gone from the store, to be made again\n"


def test_what_the_bucket_holds_is_examined_and_measured_not_what_is_cached(stores: Any) -> None:
    a, b = stores
    put(a)
    found = a.bucket.get(OBJECT)
    assert (a.examine("train", KEY), a.size("train", KEY)) == ("", len(found.content))
    assert [(i.verb, i.key, i.label) for i in contents(b)] == [("train", KEY, "(not in the cache)")]
    a.bucket.replace(OBJECT, found.content[:700], found.tag)
    assert a.examine("train", KEY) == "the object is not as it was written"
    assert (a.size("train", KEY), b.root.joinpath("train").exists()) == (700, False)


def test_the_cache_keeps_to_its_limit_and_leaves_what_is_in_use(stores: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, _ = stores
    put(a)
    monkeypatch.setenv("CANFORGET_CACHE_GB", "0.000000001")
    a.sweep()
    assert a.folder("train", KEY).exists()
    os.utime(a.folder("train", KEY), (time.time() - 9999,) * 2)
    a.sweep()
    assert not a.folder("train", KEY).exists()
    assert a.file("train", KEY, "file").read_text() == "x"


def test_artifacts_are_removed_exported_and_imported(stores: Any, tmp_path: Path) -> None:
    a, b = stores
    put(a)
    export_artifacts(b, [("train", KEY)], tmp_path / "steps.tar")
    assert a.remove(a.folder("train", KEY), KEY)
    assert a.artifacts() == []
    assert not a.folder("train", KEY).exists()
    fresh = RemoteStore(tmp_path / "fresh", a.url)
    assert import_artifacts(fresh, tmp_path / "steps.tar").added == 1
    assert RemoteStore(tmp_path / "other", a.url).file("train", KEY, "file").read_text() == "x"


def test_a_study_is_the_same_from_a_bucket_and_nothing_is_computed_twice(
    bucket_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = plan(Study.of(datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="nothing", fit={"epochs": 1}))
    told: list[str] = []
    values = [r.values for r in run(drawn, tmp_path / "local")]
    for machine in ("one", "two"):
        monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path / machine))
        assert [r.values for r in run(drawn, bucket_url, notify=lambda o: told.append(o.status))] == values
    assert told == ["done"] * len(drawn.steps) + ["cached"] * len(drawn.steps)


@pytest.mark.slow
def test_processes_share_a_bucket(bucket_url: str, tmp_path: Path) -> None:
    drawn = plan(Study.of(datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="nothing", fit={"epochs": 1}))
    told: list[str] = []
    values = [r.values for r in run(drawn, tmp_path / "local")]
    assert [r.values for r in run(drawn, bucket_url, engine="processes", workers=2, notify=lambda o: told.append(o.status))] == values
    assert told == ["done"] * len(drawn.steps)


@pytest.mark.slow
def test_two_machines_a_killed_server_and_bad_answers_change_no_record() -> None:
    """The whole of it, with its figures: python benchmarks/remote_store.py."""
    campaign = Path(__file__).parents[2] / "benchmarks" / "remote_store.py"
    found = json.loads(subprocess.run([sys.executable, str(campaign)], capture_output=True, text=True, check=True).stdout)
    for name in ("two_at_once", "killed_server", "bad_answers"):
        assert not any(found[name]["exit_codes"]), found[name]
        assert not any(found[name]["records_differ"]), found[name]
    assert found["two_at_once"]["computed"] == found["bad_answers"]["computed"] == found["local"]["computed"]
    assert found["two_at_once"]["twice"] == found["bad_answers"]["twice"] == 0
