import time
from pathlib import Path

import pytest

from canforget.errors import StoreError
from canforget.study.lease import leased
from canforget.study.lease_folder import LeaseFolder

NAME = "leases/key.json"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"process": "x"', b'{"process": "x", "seconds": "y"}', b"\xff"])
def test_what_is_no_lease_is_taken_over_once_it_was_seen_for_long(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that died between making the file and writing into it."""
    monkeypatch.setenv("CANFORGET_LEASE_SECONDS", "1")
    (tmp_path / "leases").mkdir()
    (tmp_path / NAME).write_bytes(content)
    began = time.monotonic()
    with leased(LeaseFolder(tmp_path), "key"):
        assert time.monotonic() - began > 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("silent: ")
    assert "None" not in line


def test_a_lease_that_was_renewed_in_the_last_moment_is_not_taken(tmp_path: Path) -> None:
    folder = LeaseFolder(tmp_path)
    tag = folder.create(NAME, b"first")
    assert tag
    renewed = folder.replace(NAME, b"second", tag)
    assert renewed
    assert folder.seize(NAME, b"thief", tag) is None
    found = folder.get(NAME)
    assert found is not None
    assert (found.content, found.tag) == (b"second", renewed)
    assert folder.seize(NAME, b"heir", renewed)
    assert folder.replace(NAME, b"third", renewed) is None
    assert not list((tmp_path / "unfinished").iterdir())


def test_a_renewal_of_a_lease_that_was_moved_away_hurts_nobody(tmp_path: Path) -> None:
    """The owner wakes just when another one takes over: it has the old file open, and writes into that."""
    folder = LeaseFolder(tmp_path)
    tag = folder.create(NAME, b"first")
    assert tag
    with (tmp_path / NAME).open("r+b", buffering=0) as opened:
        assert folder.seize(NAME, b"heir", tag)
        opened.write(b"late!")
    found = folder.get(NAME)
    assert found is not None
    assert found.content == b"heir"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("no folder")
    with (
        pytest.raises(StoreError, match=r"leases/key\.json: cannot be used: (Not a directory|File exists)"),
        leased(LeaseFolder(tmp_path), "key"),
    ):
        pass
