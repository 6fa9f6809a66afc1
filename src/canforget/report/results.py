"""Records filtered and handed on: as CSV, Parquet, Markdown, LaTeX, or a frame of pandas or polars."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canforget.errors import SpecError, did_you_mean
from canforget.report.record import (
    AXES,
    VALUE_COLUMNS,
    Record,
    Summary,
    arrow_table,
    load_records,
    over_seeds,
    rows_of_values,
    select,
    summarize,
)
from canforget.report.table import columns_of, narrow_columns

SEED_COLUMNS = (*AXES[:-1], "name", "mean", "low", "high", "seeds", "not_run")
"""What a row over seeds holds: the 95 % t interval of the mean is from `low` to `high`."""
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **{c: "\\" + c for c in "&%$#_{}"}}


def results(path: Path | str, **wanted: Any) -> "Results":
    """The records in a folder, a `results.json` or a case's file, those `wanted` alone, as in `results("r", unlearner="scrub", seed=0)`.

    Raises:
        ArtifactError: No such file, or none of records.
        SpecError: No such axis, or no record as wanted.
    """
    for axis in wanted:
        if axis not in AXES:
            raise SpecError(f"results: no axis '{axis}'{did_you_mean(axis, AXES)}")
    every = load_records(Path(path))
    found = select(every, **{k: v for k, v in wanted.items() if v is not None})
    if not found:
        raise SpecError(f"{path}: none of {len(every)} records is so; canforget show {path} lists them")
    return Results(tuple(found))


@dataclass(frozen=True)
class Results:
    """Records, and the values of them that are asked for (all, when none are named)."""

    records: tuple[Record, ...]
    names: tuple[str, ...] = ()

    def only(self, *names: str) -> "Results":
        """The same with these values alone, each by its name or the first word of several (`membership`)."""
        return Results(self.records, tuple(c.name for c in columns_of(self.records, names)))

    def rows(self) -> list[dict[str, Any]]:
        """A row a value and seed: `VALUE_COLUMNS`."""
        return [r for r in rows_of_values(self.records) if not self.names or r["name"] in ("", *self.names)]

    def rows_over_seeds(self) -> list[dict[str, Any]]:
        """A row a value and combination, over its seeds: `SEED_COLUMNS`."""
        found = []
        for combination, group in over_seeds(self.records).items():
            labels = {axis: getattr(combination, axis).label for axis in AXES[:-1]}
            names = self.names or dict.fromkeys(n for r in group for n in r.values) or ("",)
            found += [labels | {"name": name} | summarized(group, name) for name in names]
        return found

    def to_csv(self, over: bool = False) -> str:
        """Comma-separated values with a header; with `over`, over seeds."""
        text = io.StringIO()
        writer = csv.DictWriter(text, SEED_COLUMNS if over else VALUE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows_over_seeds() if over else self.rows())
        return text.getvalue()

    def to_arrow(self, over: bool = False) -> Any:
        """A table of Arrow, numbers as numbers."""
        return arrow_table(self.rows_over_seeds(), SEED_COLUMNS) if over else arrow_table(self.rows(), VALUE_COLUMNS)

    def to_parquet(self, over: bool = False) -> bytes:
        """The bytes of a Parquet file."""
        from pyarrow import parquet

        buffer = io.BytesIO()
        parquet.write_table(self.to_arrow(over), buffer)
        return buffer.getvalue()

    def to_pandas(self, over: bool = False) -> Any:
        """A data frame of pandas."""
        require("pandas")
        return self.to_arrow(over).to_pandas()

    def to_polars(self, over: bool = False) -> Any:
        """A data frame of polars."""
        return require("polars").from_arrow(self.to_arrow(over))

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and rows of a table over seeds: a row a combination, a column a value, mean ± half its 95 % t interval."""
        named = columns_of(self.records, self.names) if self.names else narrow_columns(self.records)
        shown = [axis for axis in AXES[:-1] if axis in ("unlearner", "quantizer") or len({getattr(r.case, axis) for r in self.records}) > 1]
        rows = []
        for combination, group in over_seeds(self.records).items():
            labels = [getattr(combination, axis).label for axis in shown]
            rows.append([*labels, *(mean_and_half(summarize(group, c.name)) for c in named), str(len(group))])
        return [*shown, *(c.name for c in named), "seeds"], rows

    def to_markdown(self) -> str:
        """A table of Markdown over seeds."""
        head, rows = self.table()
        lines = [head, ["---"] * len(head), *([markdown_cell(c) for c in row] for row in rows)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def to_latex(self) -> str:
        """A `tabular` of LaTeX over seeds, for `booktabs`."""
        head, rows = self.table()
        words = sum(h in AXES for h in head)
        lines = [rf"{' & '.join(map(latex_cell, line))} \\" for line in (head, *rows)]
        begin = rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(head) - words)}}}"
        return "\n".join([begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", ""])


def summarized(group: Sequence[Record], name: str) -> dict[str, Any]:
    """Mean and 95 % t interval of a value over seeds, or the reason why there is none."""
    found = summarize(group, name)
    if isinstance(found, str):
        return {"mean": None, "low": None, "high": None, "seeds": len(group), "not_run": found}
    half = found.half_width
    ends = {"low": None, "high": None} if half is None else {"low": found.mean - half, "high": found.mean + half}
    return {"mean": found.mean, **ends, "seeds": found.seeds, "not_run": ""}


def mean_and_half(found: Summary | str) -> str:
    """A mean and half its interval; a dash for what was not measured.

    >>> mean_and_half(Summary(0.5, 0.03, 3)), mean_and_half("not run")
    ('0.500 ± 0.030', '–')
    """
    if isinstance(found, str):
        return "–"
    return f"{found.mean:.3f}" if found.half_width is None else f"{found.mean:.3f} ± {found.half_width:.3f}"


def markdown_cell(text: str) -> str:
    """A text that no Markdown reads as anything else.

    >>> markdown_cell("a|b<c")
    'a\\\\|b\\\\<c'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def latex_cell(text: str) -> str:
    """A text that LaTeX prints as it is.

    >>> latex_cell("neggrad_plus:a=1"), latex_cell("0.5 ± 0.1")
    ('neggrad\\\\_plus:a=1', '$0.5 \\\\pm 0.1$')
    """
    if re.fullmatch(r"-?[\d.]+ ± [\d.]+", text):
        return f"${text.replace('±', chr(92) + 'pm')}$"
    return "".join(LATEX.get(c, c) for c in " ".join(text.split())).replace("–", "--").replace("±", r"$\pm$")


def require(library: str) -> Any:
    """A library that is no part of canforget; one clear line where it is missing."""
    from importlib import import_module

    try:
        return import_module(library)
    except ImportError:
        raise SpecError(f"{library} is not installed; pip install {library}, or take to_csv or to_arrow") from None
