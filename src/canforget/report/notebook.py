"""What a notebook shows of records and of a study: the answer first, then the table, in markup that needs no style of its own."""

from collections.abc import Sequence
from dataclasses import asdict

from canforget.report.answer import answers
from canforget.report.drawing.svg import escaped, tag
from canforget.report.record import Record, value_of
from canforget.report.table import COLUMNS, blocks, heads


def answer_markup(records: Sequence[Record]) -> str:
    """The question, the answer and the table of every data set, model and scenario."""
    parts = [f"<p><b>{escaped(a.question)}</b><br/>{escaped(a.summary)}</p>" for a in answers(records)]
    columns = [c for c in COLUMNS if any(value_of(r, c.name).value is not None for r in records)]
    head = heads(columns, wide=False)
    tables = [table_markup(block.title, head, block.rows) for block in blocks(records, columns, wide=False)]
    return "".join([*parts, *tables])


def record_markup(record: Record) -> str:
    """One case: its labels, its verdict, and every value."""
    label = ", ".join(f"{axis} {name}" for axis, name in asdict(record.case).items())
    verdict = record.verdict
    said = record.not_run or (f"{verdict.word}: {verdict.test}: {verdict.reason}" if verdict else "")
    rows = [
        [
            name,
            "not run: " + v.not_run if v.value is None else f"{v.value:.4g}",
            "" if v.interval is None else f"{v.interval[0]:.4g} to {v.interval[1]:.4g}",
        ]
        for name, v in record.values.items()
    ]
    return f"<p><b>{escaped(label)}</b><br/>{escaped(said)}</p>{table_markup('values', ['value', '', '95 % interval'], rows)}"


def table_markup(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table."""
    lines = [tag("tr", *(tag("th", escaped(h), scope="col") for h in head))]
    lines += [tag("tr", *(tag("td", escaped(c)) for c in row)) for row in rows]
    return tag("table", tag("caption", escaped(caption)), *lines)
