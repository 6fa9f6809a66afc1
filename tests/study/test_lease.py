import threading
import time

import pytest
from filelock import Timeout

from canforget.errors import StoreError
from canforget.study.bucket import Bucket
from canforget.study.lease import Lease, lease_seconds, leased

NAME = "leases/key.json"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "2")


def test_one_holds_it_at_a_time(bucket_url: str) -> None:
    bucket, inside, most = Bucket(bucket_url), [0], [0]

    def work() -> None:
        with leased(bucket, "key"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.1)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not bucket.has(NAME)


def test_a_living_owner_keeps_it_for_longer_than_its_span(bucket_url: str) -> None:
    bucket = Bucket(bucket_url)
    with leased(bucket, "key"), pytest.raises(Timeout), leased(bucket, "key", timeout=5):
        pass


def test_it_is_taken_from_an_owner_that_died_and_he_does_not_free_it_when_he_comes_back(bucket_url: str) -> None:
    bucket = Bucket(bucket_url)
    dead = Lease(bucket, NAME)
    dead.acquire(-1)
    began = time.monotonic()
    with leased(bucket, "key", timeout=60):
        assert time.monotonic() - began > 2
        dead.release()
        assert bucket.has(NAME)
        dead.beat(threading.Event())
        assert dead.tag is None
    assert not bucket.has(NAME)


def test_a_span_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "soon")
    with pytest.raises(StoreError, match="CANFORGET_LEASE_SECONDS: write a number of seconds, as in 60"):
        lease_seconds()
