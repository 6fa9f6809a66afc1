"""Whatever the labels of a study, what is printed fits a terminal, and no character of a label is lost."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.report.fit_width import WIDTH, broken_at_commas, fit_table
from canforget.report.record import load_records
from canforget.report.recovery_over_seeds import recoveries
from canforget.report.recovery_table import text
from canforget.report.table import table_text

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = sorted(folder.name for folder in RESULTS.iterdir() if (folder / "results.json").is_file())


def bare(lines: Any) -> str:
    return re.sub(r"\s", "", "".join(lines))


@given(st.text("ab,. =", max_size=300), st.integers(5, 120))
def test_a_broken_text_keeps_every_character_and_the_width(words: str, width: int) -> None:
    parts = broken_at_commas(words, width)
    assert bare(parts) == bare([words])
    assert max(map(len, parts)) <= width


@given(
    st.lists(
        st.tuples(st.text("ab,=", min_size=1, max_size=300), st.text("ab,", min_size=1, max_size=200), st.just("95.2 ± 15.5")), min_size=1
    )
)
def test_a_table_of_any_labels_fits(rows: Any) -> None:
    found = fit_table(("model", "format", "forget set"), rows, (0, 1))
    assert max(map(len, found)) <= WIDTH
    for row in rows:
        assert row[2] in "\n".join(found)


@pytest.mark.parametrize("study", STUDIES)
def test_the_tables_of_the_published_studies_fit(study: str) -> None:
    """They were 190 characters wide."""
    records = load_records(RESULTS / study)
    shown = table_text(records)
    assert max(map(len, shown.split("\n"))) <= WIDTH
    for label in {r.case.unlearner for r in records} - {"retrain", "nothing"}:
        assert label in bare([shown])
    brought_back = text(recoveries(records, "margin"))
    assert max(map(len, brought_back.split("\n"))) <= WIDTH


def test_rows_under_one_label_stand_below_it_and_a_remark_is_no_row() -> None:
    rows = [("scrub:" + "a" * 80, "none", "1"), ("scrub:" + "a" * 80, "int", "2"), ("b", "none: not run: forgets whole classes only")]
    assert fit_table(("model", "format", "x"), rows, (0, 1)) == [
        "    format  x",
        "  scrub:" + "a" * 80,
        "    none    1",
        "    int     2",
        "  b",
        "    none: not run: forgets whole classes only",
    ]
