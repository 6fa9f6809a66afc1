import time
from typing import Any

import pytest

from canforget.errors import SpecError, StoreError
from canforget.study.bucket import Bucket
from tests.study.s3_server import Moto, free_port, proxy


def test_the_first_of_two_writers_wins_and_only_who_knows_the_tag_writes_over_it(bucket_url: str) -> None:
    bucket = Bucket(bucket_url)
    assert bucket.get("a") is None
    assert not bucket.has("a")
    first = bucket.create("a", b"first")
    assert first
    assert bucket.create("a", b"second") is None
    found = bucket.get("a")
    assert found is not None
    assert (found.content, found.tag) == (b"first", first)
    second = bucket.replace("a", b"second", first)
    assert second
    assert bucket.replace("a", b"third", first) is None
    assert bucket.names() == ["a"]
    bucket.delete("a")
    bucket.delete("a")
    assert not bucket.has("a")
    assert bucket.replace("a", b"third", second) is None


@pytest.mark.parametrize("fault", ["500", "drop", "slow", "lost"])
def test_a_server_that_answers_badly_is_asked_again(bucket_url: str, moto: Moto, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A write that was done but not answered is not taken for somebody else's."""
    with proxy(moto.port) as faults:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{faults.port}")
        bucket = Bucket(bucket_url)
        faults.upcoming = [fault] * (1 if fault == "slow" else 2)
        tag = bucket.create("a", b"first")
        assert tag
        faults.upcoming = [fault]
        assert bucket.has("a")
        faults.upcoming = [fault]
        new = bucket.replace("a", b"second", tag)
        assert new
        faults.upcoming = [fault]
        found = bucket.get("a")
        assert found is not None
        assert (found.content, found.tag) == (b"second", new)
        assert sum(fault in request for request in faults.seen) == (4 if fault == "slow" else 5)


def test_a_server_that_goes_on_answering_badly_is_one_line(bucket_url: str, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(moto.port) as faults:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{faults.port}")
        faults.upcoming = ["500"] * 99
        with pytest.raises(
            StoreError, match=r"/a: cannot be read: .*500.*\(tried 6 times\); what was finished is kept, run again"
        ) as caught:
            Bucket(bucket_url).get("a")
        assert "\n" not in str(caught.value)
        assert len(faults.seen) == 6


def test_a_server_that_is_not_there_is_one_line(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"cannot be listed: .*\(tried 6 times\)"):
        Bucket(bucket_url).names()
    assert time.monotonic() - began < 20


def test_a_bucket_that_is_not_there_is_one_line(bucket_url: str) -> None:
    with pytest.raises(StoreError, match="is there such a bucket"):
        Bucket("s3://absent/place").create("a", b"")


def test_without_the_extra_it_says_what_to_install(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(StoreError, match=r"a store in a bucket needs obstore: pip install 'canforget\[remote\]'"):
        Bucket(bucket_url).has("a")


@pytest.mark.parametrize("url", ["s3://", "s3:///"])
def test_a_url_without_a_bucket_is_one_line(bucket_url: str, url: Any) -> None:
    with pytest.raises(SpecError, match="write s3://bucket/prefix"):
        Bucket(url).has("a")
