"""The page of benchmarks lists every file of the folder once, and no other; the records it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "benchmarks" / "README.md"


def test_every_benchmark_has_its_line() -> None:
    """What it measures, how it is run, how long that takes, and where its record is: nobody should have to read the code for it."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| `\w+\.py` \|", line)]
    assert sorted(row[0].strip("| `") for row in rows) == sorted(p.name for p in PAGE.parent.glob("*.py"))
    assert all(len(row) == 5 and all(cell.strip(" |") for cell in row) for row in rows)


def test_the_records_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`(results/[\w./]+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
