import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout

from canforget.errors import StoreError
from canforget.study import lease as leases
from canforget.study.bucket import Bucket
from canforget.study.lease import Board, Lease, died_here, lease_seconds, leased, this_system
from canforget.study.lease_folder import LeaseFolder

NAME = "leases/key.json"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "2")


@pytest.fixture(params=["folder", "bucket"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    return LeaseFolder(tmp_path) if request.param == "folder" else Bucket(request.getfixturevalue("bucket_url"))


def held(board: Board) -> bool:
    return board.get(NAME) is not None


def test_one_holds_it_at_a_time(board: Board) -> None:
    inside, most = [0], [0]

    def work() -> None:
        with leased(board, "key"):
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
    assert not held(board)


def test_a_living_owner_keeps_it_for_longer_than_its_span(board: Board) -> None:
    with leased(board, "key"), pytest.raises(Timeout), leased(board, "key", timeout=5):
        pass


def test_it_is_taken_from_an_owner_that_fell_silent_and_he_does_not_free_it_when_he_comes_back(
    board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = Lease(board, NAME)
    silent.acquire(-1)
    began = time.monotonic()
    with leased(board, "key", timeout=60):
        assert time.monotonic() - began > 2
        silent.release()
        assert held(board)
        silent.stop.clear()
        silent.beat()
        assert silent.tag is None
    assert not held(board)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"silent: process {os.getpid()} of ")


def test_it_is_taken_at_once_from_a_process_of_this_machine_that_was_killed(tmp_path: Path) -> None:
    """Its parent has not even asked yet what became of it."""
    killed = host(tmp_path, this_system(), 10**6)
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    killed.kill()
    began = time.monotonic()
    with leased(LeaseFolder(tmp_path), "key"):
        assert time.monotonic() - began < 1
    killed.communicate()


def test_a_process_of_another_machine_or_another_start_is_never_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = {"process": 2**22 + 1, "system": this_system()}
    assert died_here(nobody)
    assert not died_here(nobody | {"system": "elsewhere"})
    assert not died_here({"process": 2**22 + 1})
    assert not died_here({"process": os.getpid(), "system": this_system()})
    monkeypatch.setattr(leases, "this_system", lambda: "")
    assert not died_here({"process": 2**22 + 1, "system": ""})


def test_the_owner_says_how_long_it_may_be_silent(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "600")
    Lease(board, NAME).acquire(-1)
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "1")
    with pytest.raises(Timeout), leased(board, "key", timeout=2):
        pass


def test_a_clock_that_jumps_neither_frees_a_lease_nor_keeps_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all clocks of the machine say that can be set, and the dates of all files, means nothing."""
    board, jumps = LeaseFolder(tmp_path), iter(range(0, 10**6, 3600))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    with leased(board, "key"), pytest.raises(Timeout), leased(board, "key", timeout=3):
        pass
    Lease(board, NAME).acquire(-1)
    os.utime(tmp_path / NAME, (4e9, 4e9))
    began = time.monotonic()
    with leased(board, "key"):
        assert 2 < time.monotonic() - began < 10


HOST = """
import os, sys, time, random
from pathlib import Path
from canforget.study import lease
from canforget.study.lease_folder import LeaseFolder
place, host, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lease.this_system.cache_clear()
lease.this_system = lambda: host
skew, real, chance = random.Random(host).uniform(-7200, 7200), time.time, random.Random(host)
time.time = lambda: real() + skew
for _ in range(turns):
    with lease.leased(LeaseFolder(place), "key"):
        with (place / "inside").open("x"):
            time.sleep(chance.uniform(0, 0.02))
            with (place / "log").open("a") as log:
                log.write(host + "\\n")
        os.unlink(place / "inside")
"""


def host(place: Path, name: str, turns: int) -> Any:
    return subprocess.Popen([sys.executable, "-c", HOST, str(place), name, str(turns)], stderr=subprocess.PIPE, text=True)


def test_machines_with_clocks_hours_apart_hold_it_one_after_another(tmp_path: Path) -> None:
    """A simulation: each process says it is another machine. A folder over real NFS is not to be had in a test."""
    hosts = [host(tmp_path, f"host{k}", 8) for k in range(4)]
    assert [h.communicate()[1] for h in hosts] == [""] * 4
    told = (tmp_path / "log").read_text().split()
    assert sorted(told) == sorted(f"host{k}" for k in range(4) for _ in range(8))
    assert not list((tmp_path / "leases").iterdir())


def test_a_machine_that_died_with_the_lease_holds_up_others_for_its_span_only(tmp_path: Path) -> None:
    dead = host(tmp_path, "dead", 10**6)
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    dead.kill()
    dead.communicate()
    (tmp_path / "inside").unlink(missing_ok=True)
    began = time.monotonic()
    said = [h.communicate()[1] for h in [host(tmp_path, f"host{k}", 3) for k in range(2)]]
    assert len((tmp_path / "log").read_text().split()) >= 6
    if "silent" in "".join(said):
        assert time.monotonic() - began > 2


def test_a_heartbeat_that_dies_at_birth_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without memory for it hung: what begins a thread waits for its first sign."""
    monkeypatch.setattr(leases, "start_new_thread", lambda *given: 0)
    folder = LeaseFolder(tmp_path)
    with leased(folder, "key"):
        assert held(folder)
    assert not held(folder)


def test_a_span_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "soon")
    with pytest.raises(StoreError, match="CANFORGET_LEASE_SECONDS: write a number of seconds, as in 60"):
        lease_seconds()
