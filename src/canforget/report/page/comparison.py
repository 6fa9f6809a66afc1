"""The main table of a page: retrained models first, every unlearner, mean ± interval over seeds with the retrained band behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from canforget.evaluation.statistics import prediction_interval
from canforget.report.record import Combination, Groups, Record, Summary, beside, summarize, value_of
from canforget.report.table import CALIBRATED_COLUMN, COLUMNS, Column, cell, rank
from canforget.report.wording import format_name, unlearner_name

MEANINGS = {
    "test.accuracy": "accuracy on the whole test set, %",
    "forget.accuracy": "accuracy on the images to be forgotten, %",
    "retain.accuracy": "accuracy on the images to be kept, %",
    "test_forget.accuracy": "accuracy on unseen images of the forgotten classes, %",
    "test_retain.accuracy": "accuracy on unseen images of the retained classes, %",
    "average_gap": "mean distance from the retrained models over four accuracies, points",
    "membership.phi": "can the forget set be told from unseen images of the same classes? .5 is no",
    "calibrated_membership.auc": "the same with what is hard for every model taken off",
    "legacy_membership.auc": "the attack that compares one class with all: confounded, kept for comparison with published figures",
}


@dataclass(frozen=True)
class TableCell:
    """A cell: what is written, its place and the retrained band's ends in percent of the column's range, and on which side of it it lies."""

    text: str
    place: int | None = None
    band: tuple[int, int] | None = None
    side: str = ""
    sort: float | None = None


@dataclass(frozen=True)
class TableRow:
    """An unlearner in a format."""

    combination: Combination
    name: str
    kind: str
    cells: tuple[TableCell, ...]
    verdict: str
    not_run: str = ""


@dataclass(frozen=True)
class TableGroup:
    """The rows of one data set, model, scenario and format, the retrained models first."""

    problem: tuple[str, str, str]
    format: str
    seeds: int
    rows: tuple[TableRow, ...]


def columns_there(records: Iterable[Record]) -> tuple[Column, ...]:
    """The usual columns of which the records hold a value."""
    held = {name for record in records for name, value in record.values.items() if value.value is not None}
    usual = [*COLUMNS[:-1], CALIBRATED_COLUMN, COLUMNS[-1]]
    return tuple(c for c in usual if c.name in held)


def table_groups(groups: Groups, columns: Sequence[Column]) -> list[TableGroup]:
    """The table, a group a problem and format."""
    found: dict[tuple[tuple[str, str, str], str], list[Combination]] = {}
    for combination in sorted(groups, key=rank):
        found.setdefault((combination.problem, format_name(combination.quantizer)), []).append(combination)
    spans = {problem: spans_of(problem, groups, columns) for problem, _ in found}
    return [
        TableGroup(problem, format_, max(len(groups[c]) for c in rows), tuple(table_row(c, groups, columns, spans[problem]) for c in rows))
        for (problem, format_), rows in found.items()
    ]


Span = tuple[float, float]


def spans_of(problem: tuple[str, str, str], groups: Groups, columns: Sequence[Column]) -> list[Span]:
    """The range of every column in a problem, over all formats, so that places can be compared; controls may lie outside."""
    spans = []
    for column in columns:
        values = [
            v for c, group in groups.items() if c.problem == problem and not c.control for r in group
            if (v := value_of(r, column.name).value) is not None
        ]  # fmt: skip
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room = max(high - low, 1e-6) * 0.08
        spans.append((low - room, high + room))
    return spans


def table_row(combination: Combination, groups: Groups, columns: Sequence[Column], spans: Sequence[Span]) -> TableRow:
    """One row; a case that was not run says why."""
    group, name = groups[combination], unlearner_name(combination.unlearner)
    kind = combination.unlearner.name if combination.reference else "control" if combination.control else "unlearned"
    broken = next((r for r in group if r.not_run), None)
    if broken is not None:
        return TableRow(combination, name, kind, (), "not run", f"seed {broken.case.seed}: {broken.not_run}")
    retrained = beside(groups, combination, "retrain")
    cells = tuple(table_cell(group, retrained, c, span, combination) for c, span in zip(columns, spans, strict=True))
    verdict = group[0].verdict
    return TableRow(combination, name, kind, cells, "the reference" if kind == "retrain" else verdict.word if verdict else "–")


def table_cell(group: Sequence[Record], retrained: Sequence[Record], column: Column, span: Span, combination: Combination) -> TableCell:
    """One cell: the mean over seeds, where it lies, and where one more retrained model would."""
    found = summarize(group, column.name)
    if not isinstance(found, Summary):
        return TableCell("–")
    values = [v for r in retrained if (v := value_of(r, column.name).value) is not None]
    interval = prediction_interval(values)
    band = None if interval is None else (percent_of(interval[0], span), percent_of(interval[1], span))
    side = ""
    if interval is not None and combination.unlearner.name != "retrain":
        side = "above" if found.mean > interval[1] else "below" if found.mean < interval[0] else ""
    return TableCell(cell(found, column.scale), percent_of(found.mean, span), band, side, found.mean)


def percent_of(value: float, span: Span) -> int:
    """A place between two ends in percent, held at them.

    >>> percent_of(0.25, (0, 1)), percent_of(7, (0, 1))
    (25, 100)
    """
    return round(100 * min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0))
