import contextvars

import pytest

from canforget.progress import advance, listening, note, noting


def test_progress_and_lines_reach_the_innermost_listener_of_their_context() -> None:
    """A line of a worker must not be printed by it and by the driver."""
    fractions: list[float] = []
    outer: list[str] = []
    inner: list[str] = []
    with listening(fractions.append), noting(outer.append):
        note("a")
        with noting(inner.append):
            note("b")
        contextvars.copy_context().run(advance, 0.5)
    advance(1.0)
    assert (fractions, outer, inner) == ([0.5], ["a"], ["b"])


def test_a_line_that_nobody_listens_to_is_printed_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A library call without a bar must not keep quiet about a damaged store."""
    note("one line")
    assert capsys.readouterr() == ("", "one line\n")
