"""CSV holds what the table holds, and no cell of it can act as a formula."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.report.page.comparison import columns_there
from canforget.report.page.csv_text import csv_text, harmless
from canforget.report.record import over_seeds
from tests.report.test_judgment import study


@given(st.text(max_size=30))
def test_no_text_is_a_formula(text: str) -> None:
    assert harmless(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert "\n" not in harmless(text)


def test_rows_and_figures_are_those_of_the_records() -> None:
    records = [replace(r, case=replace(r.case, unlearner="=cmd()" if r.case.unlearner == "scrub" else r.case.unlearner)) for r in study(3)]
    rows = list(csv.DictReader(io.StringIO(csv_text(over_seeds(records), columns_there(records)))))
    assert [row["unlearner"] for row in rows] == ["retrain", "nothing", "'=cmd()"]
    assert float(rows[1]["forget.accuracy"]) == pytest.approx(0.981)
    assert float(rows[1]["forget.accuracy ±"]) == pytest.approx(4.3027 * 0.001 / 3**0.5, rel=1e-3)
    assert rows[0]["seeds"] == "3"
