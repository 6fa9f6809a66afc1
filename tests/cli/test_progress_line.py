"""A line of progress where a person looks, and silence in a log."""

import pytest

from canforget.cli import progress_line
from canforget.progress import advance


def test_nothing_is_printed_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line.shown_progress("audit u"):
        advance(0.5)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_time_left_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_line, "interactive", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with progress_line.shown_progress("audit u"):
        advance(0.0)
        advance(0.5)
    assert "audit u" in capsys.readouterr().err
