"""Records as aligned text: the retrained model first, mean ± interval over seeds, readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from canforget.errors import SpecError, did_you_mean
from canforget.report.fit_width import WIDTH, broken_at_commas, fit_table, line
from canforget.report.judgment import CALIBRATED, calibrated_in
from canforget.report.record import REFERENCES, Combination, Record, RecordedVerdict, Summary, over_seeds, summarize, value_of


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
NARROW = (
    Column("forget set", "forget.accuracy", 100),
    Column("matched AUC", "membership.phi"),
)
"""The columns of a table for a terminal, after one for utility: what was to be forgotten, and whether it can be told from the unseen."""
CALIBRATED_COLUMN = Column("calibrated AUC", CALIBRATED)
"""What stands in the place of the matched AUC where the verdict goes by it."""
LEGEND = (
    "Accuracy in % (gap: mean distance from the retrained models, points); AUC of membership inference (.5 = nothing to tell): matched = against\n"
    "unseen images of the same classes; calibrated = the same, what is hard for every retrained model taken off, which the verdict goes by;\n"
    "legacy = against all test images, confounded by class. ± is half a 95 % t interval over seeds.\n"
    "Verdict: utility, then equivalence with retrained models by every test with power, in this format; float32: the same before rounding.\n"
    "powerless: original and retrained models cannot be told apart; had not forgotten: over a quarter of the memory may be left at float32."
)
NARROW_LEGEND = (
    "Accuracy in %. AUC: can the forget set be told from unseen images of its classes? .5: no.\n"
    "± is half a 95 % t interval over seeds. More: --wide, or --columns NAME...; all there is: --json."
)
LEGEND_OF_ANY = "Values as the records hold them. ± is half a 95 % t interval over seeds; –: not measured, or not run."


@dataclass(frozen=True)
class TableBlock:
    """The rows of one data set, model and scenario."""

    title: str
    rows: list[list[str]]


def columns_of(records: Sequence[Record], wanted: Sequence[str], flag: str = "--columns") -> tuple[Column, ...]:
    """The columns that `wanted` names, each a value of the records or the first word of several (`code_flips` for `code_flips.flip_rate_own`, ...)."""
    known = sorted({name for record in records for name, measured in record.values.items() if measured.value is not None})
    words = {name.partition(".")[0] for name in known}
    found: list[Column] = []
    for name in wanted:
        named = [k for k in known if name in (k, k.partition(".")[0])]
        if not named:
            raise SpecError(f"{flag}: no value '{name}' in these records{did_you_mean(name, [*known, *words])}")
        found += [Column(k.removeprefix(f"{name}.").replace("_", " "), k) for k in named]
    return tuple(found)


def heads(columns: Sequence[Column], wide: bool = True) -> list[str]:
    """The column heads."""
    return ["model", "format", *(c.title for c in columns), *(("unlearn s", "float32") if wide else ()), "verdict"]


def blocks(records: Sequence[Record], columns: Sequence[Column], wide: bool = True) -> list[TableBlock]:
    """The table of all records, a block a data set, model and scenario; a `wide` one with seconds and the word before rounding."""
    found: dict[str, TableBlock] = {}
    for combination, group in sorted(over_seeds(records).items(), key=lambda g: rank(g[0])):
        title = f"{' · '.join(combination.problem)} · {models_of(group)}"
        label = combination.unlearner.label
        name = {"retrain": "retrained", "nothing": "original"}.get(label, label)
        found.setdefault(title, TableBlock(title, [])).rows.append([name, combination.quantizer.label, *row(group, columns, wide)])
    return list(found.values())


def models_of(group: Sequence[Record]) -> str:
    """How many models an interval rests on, and whether each has a forget set of its own, so that it holds for others of these as well."""
    seeds = f"{len(group)} seed{'s' if len(group) > 1 else ''}"
    apart = len(group) > 1 and all(r.hyperparameters.get("worlds") for r in group)
    return f"{seeds}, each with a forget set of its own" if apart else seeds


def rank(combination: Combination) -> int:
    """Retrained first, then the original, then what was unlearned, in the order of the records."""
    return [*REFERENCES, combination.unlearner.name].index(combination.unlearner.name)


def row(records: Sequence[Record], columns: Sequence[Column], wide: bool = True) -> list[str]:
    """The cells of one combination, or the reason why it was not run."""
    if records[0].not_run:
        return [f"not run: {records[0].not_run}"]
    cells = [cell(summarize(records, c.name), c.scale) for c in columns]
    verdict = records[0].verdict
    if wide:
        seconds = cell(summarize(records, lambda r: r.seconds.get("unlearn")), 1)
        cells += [seconds, "–" if verdict is None else before_rounding(verdict)]
    return [*cells, "–" if verdict is None else verdict.word]


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


def table_text(records: Sequence[Record], wanted: Sequence[str] = (), wide: bool = False) -> str:
    """All blocks as plain text: of a hundred characters a line, or `wide`; with the columns `wanted` instead of the usual ones, if any are named."""
    columns = columns_of(records, wanted) if wanted else as_judged(COLUMNS if wide else narrow_columns(records), records)
    head, said = heads(columns, wide), []
    words = (0, 1, len(head) - 1)
    for block in blocks(records, columns, wide):
        title = [block.title] if wide else broken_at_commas(block.title, WIDTH)
        said += [*title, *(in_full(head, block.rows) if wide else fit_table(head, [*map(remark, block.rows)], words)), ""]
    return "\n".join([*said, LEGEND_OF_ANY if wanted else LEGEND if wide else NARROW_LEGEND])


def narrow_columns(records: Sequence[Record]) -> tuple[Column, ...]:
    """Utility, on unseen images of retained classes where these were set apart, and the columns for a terminal."""
    apart = any(value_of(r, "test_retain.accuracy").value is not None for r in records)
    return (COLUMNS[4] if apart else COLUMNS[0], *NARROW)


def as_judged(columns: Sequence[Column], records: Sequence[Record]) -> tuple[Column, ...]:
    """The columns with the calibrated AUC for the matched one where the verdict goes by it."""
    calibrated = calibrated_in(records)
    return tuple(CALIBRATED_COLUMN if calibrated and c.name == "membership.phi" else c for c in columns)


def remark(cells: list[str]) -> list[str]:
    """A row; of one that was not run, what there is to say of it."""
    return cells if len(cells) > 3 else [cells[0], f"{cells[1]}: {cells[2]}"]


def in_full(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, as wide as they are."""
    whole = [r for r in [head, *rows] if len(r) > 3]
    wide = [max(map(len, column)) for column in zip(*whole, strict=True)]
    wide[:2] = [max(len(r[k]) for r in [head, *rows]) for k in (0, 1)]
    words = (0, 1, len(wide) - 2, len(wide) - 1)
    return [line(r, wide, words) if len(r) > 3 else line(r, [*wide[:2], 0], (0, 1, 2)) for r in [head, *rows]]
