"""Records as aligned text: the retrained model first, mean ± interval over seeds, readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from canforget.errors import SpecError, did_you_mean
from canforget.report.record import REFERENCES, Combination, Record, RecordedVerdict, Summary, over_seeds, summarize


class Column(NamedTuple):
    """A value of the records, under a title, times a scale."""

    title: str
    name: str
    scale: float = 1


COLUMNS = (
    Column("test", "test.accuracy", 100),
    Column("forget set", "forget.accuracy", 100),
    Column("retain set", "retain.accuracy", 100),
    Column("test, forgotten", "test_forget.accuracy", 100),
    Column("test, retained", "test_retain.accuracy", 100),
    Column("gap", "average_gap", 100),
    Column("matched AUC", "membership.phi"),
    Column("legacy AUC", "legacy_membership.auc"),
)
LEGEND = (
    "Accuracy in % (gap: mean distance from the retrained models, points); AUC of membership inference (.5 = nothing to tell): matched = against\n"
    "unseen images of the same classes, legacy = against all test images, confounded by class. ± is half a 95 % t interval over seeds.\n"
    "Verdict: utility, then equivalence with retrained models by every test with power, in this format; float32: the same before rounding.\n"
    "powerless: original and retrained models cannot be told apart; had not forgotten: over a quarter of the memory may be left at float32."
)
LEGEND_OF_ANY = "Values as the records hold them. ± is half a 95 % t interval over seeds; –: not measured, or not run."


@dataclass(frozen=True)
class TableBlock:
    """The rows of one data set, model and scenario."""

    title: str
    rows: list[list[str]]


def columns_of(records: Sequence[Record], wanted: Sequence[str]) -> tuple[Column, ...]:
    """The columns that `wanted` names, each a value of the records or the first word of several (`probe` for `probe.flip_rate_own`, ...)."""
    known = sorted({name for record in records for name, measured in record.values.items() if measured.value is not None})
    words = {name.partition(".")[0] for name in known}
    found: list[Column] = []
    for name in wanted:
        named = [k for k in known if name in (k, k.partition(".")[0])]
        if not named:
            raise SpecError(f"--columns: no value '{name}' in these records{did_you_mean(name, [*known, *words])}")
        found += [Column(k.removeprefix(f"{name}.").replace("_", " "), k) for k in named]
    return tuple(found)


def heads(columns: Sequence[Column]) -> list[str]:
    """The column heads."""
    return ["model", "format", *(c.title for c in columns), "unlearn s", "float32", "verdict"]


def blocks(records: Sequence[Record], columns: Sequence[Column]) -> list[TableBlock]:
    """The table of all records, a block a data set, model and scenario."""
    found: dict[str, TableBlock] = {}
    for combination, group in sorted(over_seeds(records).items(), key=lambda g: rank(g[0])):
        title = f"{' · '.join(combination.problem)} · {len(group)} seed{'s' if len(group) > 1 else ''}"
        label = combination.unlearner.label
        name = {"retrain": "retrained", "nothing": "original"}.get(label, label)
        found.setdefault(title, TableBlock(title, [])).rows.append([name, combination.quantizer.label, *row(group, columns)])
    return list(found.values())


def rank(combination: Combination) -> int:
    """Retrained first, then the original, then what was unlearned, in the order of the records."""
    return [*REFERENCES, combination.unlearner.name].index(combination.unlearner.name)


def row(records: Sequence[Record], columns: Sequence[Column]) -> list[str]:
    """The cells of one combination."""
    if records[0].not_run:
        return [f"not run: {records[0].not_run}", *[""] * (len(columns) + 2)]
    cells = [cell(summarize(records, c.name), c.scale) for c in columns]
    verdict = records[0].verdict
    said = ["–", "–"] if verdict is None else [before_rounding(verdict), verdict.word]
    return [*cells, cell(summarize(records, lambda r: r.seconds.get("unlearn")), 1), *said]


def before_rounding(verdict: RecordedVerdict) -> str:
    """The word at full precision, and the gate that a recovery needs where it is not passed."""
    gate = "" if verdict.had_forgotten is not False or verdict.full_precision == "residual" else ", had not forgotten"
    return f"{verdict.full_precision}{gate}" if verdict.full_precision else "–"


def cell(summary: Summary | str, scale: float) -> str:
    """A mean with its interval, or a dash where it was not run.

    >>> cell(Summary(0.5, 0.03, 3), 1), cell(Summary(0.9, None, 1), 100), cell("no", 1)
    ('.500 ± .030', '90.0', '–')
    """
    if isinstance(summary, str):
        return "–"
    form = number if scale == 1 else percent
    mean = form(scale * summary.mean)
    return mean if summary.half_width is None else f"{mean} ± {form(scale * summary.half_width)}"


def number(value: float) -> str:
    """Three places, without a leading zero."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def percent(value: float) -> str:
    """One place."""
    return f"{value:.1f}"


def table_text(records: Sequence[Record], wanted: Sequence[str] = ()) -> str:
    """All blocks as aligned plain text; with the columns `wanted` instead of the usual ones, if any are named."""
    columns = columns_of(records, wanted) if wanted else COLUMNS
    head, lines = heads(columns), []
    for block in blocks(records, columns):
        table = [head, *block.rows]
        wide = [max(len(r[i]) for r in table if not r[2].startswith("not run")) for i in range(len(head))]
        lines += [block.title, *(aligned(r, wide) for r in table), ""]
    return "\n".join([*lines, LEGEND_OF_ANY if wanted else LEGEND])


def aligned(cells: Sequence[str], wide: Sequence[int]) -> str:
    """One line: words to the left, numbers to the right."""
    if cells[2].startswith("not run"):
        return f"  {cells[0]:<{wide[0]}}  {cells[1]:<{wide[1]}}  {cells[2]}"
    return line(cells, wide, (0, 1, len(wide) - 2, len(wide) - 1))


def line(cells: Sequence[str], wide: Sequence[int], words: Sequence[int]) -> str:
    """One line: the columns `words` to the left, the others to the right.

    >>> line(["a", "1", "2"], [2, 2, 2], (0,))
    '  a    1   2'
    """
    return "  " + "  ".join(c.ljust(w) if i in words else c.rjust(w) for i, (c, w) in enumerate(zip(cells, wide, strict=True)))


def lines(table: Sequence[Sequence[str]], words: Sequence[int]) -> list[str]:
    """The rows of a table, each column as wide as its widest cell."""
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [line(row, wide, words) for row in table]
