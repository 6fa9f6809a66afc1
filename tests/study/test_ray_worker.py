import os
import sys
from pathlib import Path

import pytest

from canforget.study import ray_worker
from canforget.study.planned_steps import Step
from canforget.study.ray_worker import RayWorker, Surroundings, settled, surroundings, travelling
from canforget.study.schedule import Job, Outcome


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that this process stands in, until the test ends; its path of modules is put back, too."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_a_worker_stands_where_the_driver_does_and_sees_its_settings_but_keeps_its_own(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study names data sets and nets by relative paths; a machine may have its data elsewhere."""
    monkeypatch.setenv("CANFORGET_DATA_DIR", "mine")
    monkeypatch.delenv("CANFORGET_CACHE_GB", raising=False)
    with surroundings(Job(Path("store"), None, "cpu")) as around:
        monkeypatch.setenv("CANFORGET_DATA_DIR", "theirs")
        os.chdir("/")
        assert settled(Surroundings(around.folder, {**around.settings, "CANFORGET_CACHE_GB": "3"}, around.store, around.token)) == ""
        assert Path.cwd() == elsewhere / "here"
        assert sys.path[-1] == str(elsewhere / "here")
        assert (os.environ["CANFORGET_DATA_DIR"], os.environ["CANFORGET_CACHE_GB"]) == ("theirs", "3")
        monkeypatch.delenv("CANFORGET_CACHE_GB")
    assert list((elsewhere / "here" / "store" / "unfinished").iterdir()) == []


def test_a_worker_that_sees_another_store_says_so(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each machine with a folder of its own of that name would compute, and find nothing that the others did."""
    monkeypatch.setattr(ray_worker, "SHARED_SECONDS", 0.2)
    with surroundings(Job(Path("store"), None, "cpu")) as around:
        assert around.token is not None
        around.token.unlink()
        assert settled(around) == (
            f"does not see the store {elsewhere / 'here' / 'store'}: it must lie in a folder that all machines share, or in a bucket"
        )


def test_a_bucket_out_of_reach_is_named(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setattr("canforget.study.bucket.WAITS", ())
    for name, value in (("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ALLOW_HTTP", "true"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")):  # fmt: skip
        monkeypatch.setenv(name, value)
    with surroundings(Job(Path("s3://nobody/here"), None, "cpu")) as around:
        assert (around.store, around.token) == (Path("s3://nobody/here"), None)
        assert settled(around).startswith("cannot reach the store: ")


def test_folders_mean_the_same_wherever_a_job_is_carried_out_and_a_gpu_is_used_where_one_is(elsewhere: Path) -> None:
    job = Job(Path("store"), Path("data"), "cuda", track=Path("curves"))
    found = travelling(job, gpu=False)
    assert isinstance(found, Job)
    assert (found.root, found.data_dir, found.track) == tuple(elsewhere / "here" / name for name in ("store", "data", "curves"))
    assert found.device == "cpu"
    bucket = travelling(Job(Path("s3://bucket/x"), None, "cuda"))
    assert isinstance(bucket, Job) and (bucket.root, bucket.data_dir, bucket.device) == (Path("s3://bucket/x"), None, "cuda")
    assert travelling(undone) is undone


def undone(step: Step) -> Outcome:
    return Outcome(step, "failed")


def test_a_worker_carries_out_what_it_is_given() -> None:
    step = Step("v", "a", (), "a", {})
    assert RayWorker(lambda s: Outcome(s, "done"), Surroundings("", {})).carry_out(step) == Outcome(step, "done")
