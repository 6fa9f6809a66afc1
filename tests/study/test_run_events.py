"""A run can be watched from elsewhere, and whatever kills it leaves a file that can be read."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from canforget.study.run_events import EVENTS, EventReader, alive, recorded_events

KILLED = """
import os, sys, time
from pathlib import Path
from canforget.study.run_events import recorded_events
with recorded_events(Path(sys.argv[1])) as tell:
    tell({"event": "plan", "steps": []})
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_reader_gets_every_event_once_and_a_later_run_from_its_beginning(tmp_path: Path) -> None:
    reader = EventReader(tmp_path / EVENTS)
    assert reader.new() == []
    for name in ("first", "second"):
        with recorded_events(tmp_path) as tell:
            tell({"event": "plan", "study": name})
            assert [e["study"] for e in reader.new()] == [name]
            tell({"event": "end"})
            assert [e["event"] for e in reader.new()] == ["end"]
    assert reader.new() == []


def test_a_torn_line_waits_and_rubbish_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / EVENTS
    path.write_bytes(b'{"event": "plan"}\n\xff\x00\n[1]\n{"t": 3}\n{"event": "do')
    reader = EventReader(path)
    assert [e["event"] for e in reader.new()] == ["plan"]
    with path.open("ab") as file:
        file.write(b'ne"}\n')
    assert [e["event"] for e in reader.new()] == ["done"]


def test_a_killed_run_is_known_to_be_dead_though_its_files_are_there(tmp_path: Path) -> None:
    """By a process number it could live for ever: another process may have it by now."""
    run = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ)
    assert run.stdout is not None and run.stdout.readline() == b"ready\n"
    assert alive(tmp_path)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    assert not alive(tmp_path)
    assert (tmp_path / EVENTS).is_file()


def test_a_second_run_into_the_same_folder_leaves_the_first_ones_events_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with recorded_events(tmp_path) as tell:
        tell({"event": "plan", "study": "first"})
        with recorded_events(tmp_path) as other:
            other({"event": "plan", "study": "second"})
    assert json.loads((tmp_path / EVENTS).read_text())["study"] == "first"
    assert "another run writes there" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_ends_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with recorded_events(tmp_path) as tell:
        tell({"event": "plan"})
        (tmp_path / EVENTS).unlink()
        tell({"event": "start"})
        tell({"event": "done"})
    assert capsys.readouterr().err.count("sees no more of this run") == 1


def test_the_clock_of_events_is_no_clock_that_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded_events(tmp_path) as tell:
        tell({"event": "plan"})
        monkeypatch.setattr("time.time", lambda: -1e9)
        tell({"event": "end"})
    first, last = (json.loads(line)["t"] for line in (tmp_path / EVENTS).read_text().splitlines())
    assert 0 <= first <= last < 60
