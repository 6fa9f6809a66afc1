"""The main table as CSV that opens in a spreadsheet as what it is: text stays text, numbers numbers."""

import csv
import io
from collections.abc import Sequence

from canforget.report.record import Groups, Summary, summarize
from canforget.report.table import Column, rank


def csv_text(groups: Groups, columns: Sequence[Column]) -> str:
    """One row a combination: its labels, seeds, mean and half-width of every column (as fractions), the verdict and why."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = [name for c in columns for name in (c.name, f"{c.name} ±")]
    writer.writerow(["dataset", "model", "scenario", "unlearner", "format", "seeds", *measured, "verdict", "reason", "not_run"])
    for combination in sorted(groups, key=rank):
        group = groups[combination]
        cells: list[float | str] = []
        for column in columns:
            found = summarize(group, column.name)
            cells += [significant(found.mean), significant(found.half_width)] if isinstance(found, Summary) else ["", ""]
        verdict, not_run = group[0].verdict, next((r.not_run for r in group if r.not_run), "")
        labels = [*combination.problem, combination.unlearner.label, combination.quantizer.label]
        said = [verdict.word, f"{verdict.test}: {verdict.reason}"] if verdict else ["", ""]
        writer.writerow([*map(harmless, labels), len(group), *cells, *map(harmless, [*said, not_run])])
    return out.getvalue()


def significant(value: float | None) -> float | str:
    """A number to five significant digits, or nothing."""
    return "" if value is None else float(f"{value:.5g}")


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula, on one line.

    >>> harmless("=1+1"), harmless("scrub"), harmless("a\\nb")
    ("'=1+1", 'scrub', 'a b')
    """
    line = " ".join(text.replace("\x00", "").split())
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line
