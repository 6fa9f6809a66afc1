"""Records as aligned text: the retrained model first, mean ± interval over seeds, readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from canforget.results import Record, Summary, over_seeds, summarize

COLUMNS = (
    ("test", "test.accuracy", 100),
    ("forget set", "forget.accuracy", 100),
    ("retain set", "retain.accuracy", 100),
    ("test, forgotten", "test_forget.accuracy", 100),
    ("test, retained", "test_retain.accuracy", 100),
    ("gap", "average_gap", 100),
    ("matched AUC", "membership.phi", 1),
    ("legacy AUC", "legacy_membership.auc", 1),
)
LEGEND = (
    "Accuracy in % (gap: mean distance from the retrained models, points); AUC of membership inference (.5 = nothing to tell): matched = against\n"
    "unseen images of the same classes, legacy = against all test images, confounded by class. ± is half a 95 % t interval over seeds.\n"
    "Verdict: the weakest of utility and of every test of equivalence with the retrained models, in this format and before rounding."
)


@dataclass(frozen=True)
class Block:
    """The rows of one data set, model and scenario."""

    title: str
    rows: list[list[str]]


def heads() -> list[str]:
    """The column heads."""
    return ["model", "format", *(title for title, _, _ in COLUMNS), "unlearn s", "verdict"]


def blocks(records: Sequence[Record]) -> list[Block]:
    """The table of all records, a block a data set, model and scenario."""
    found: dict[str, Block] = {}
    for (dataset, model, scenario, unlearner, quantizer), group in sorted(over_seeds(records).items(), key=lambda g: place(g[0])):
        title = f"{dataset} · {model} · {scenario} · {len(group)} seed{'s' if len(group) > 1 else ''}"
        name = {"retrain": "retrained", "nothing": "original"}.get(unlearner, unlearner)
        found.setdefault(title, Block(title, [])).rows.append([name, quantizer, *row(group)])
    return list(found.values())


def place(labels: tuple[str, ...]) -> tuple[int, ...]:
    """Retrained first, then the original, then what was unlearned, in the order of the records."""
    return ({"retrain": 0, "nothing": 1}.get(labels[3].partition(":")[0], 2),)


def row(records: Sequence[Record]) -> list[str]:
    """The cells of one combination."""
    if records[0].not_run:
        return [f"not run: {records[0].not_run}", *[""] * (len(COLUMNS) + 1)]
    cells = [cell(summarize(records, name), scale) for _, name, scale in COLUMNS]
    verdict = records[0].verdict
    return [*cells, cell(summarize(records, lambda r: r.seconds.get("unlearn")), 1), verdict.word if verdict else "–"]


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


def text(records: Sequence[Record]) -> str:
    """All blocks as aligned plain text."""
    lines = []
    for block in blocks(records):
        table = [heads(), *block.rows]
        wide = [max(len(r[i]) for r in table if not r[2].startswith("not run")) for i in range(len(heads()))]
        lines += [block.title, *(aligned(r, wide) for r in table), ""]
    return "\n".join([*lines, LEGEND])


def aligned(cells: Sequence[str], wide: Sequence[int]) -> str:
    """One line: words to the left, numbers to the right."""
    if cells[2].startswith("not run"):
        return f"  {cells[0]:<{wide[0]}}  {cells[1]:<{wide[1]}}  {cells[2]}"
    return "  " + "  ".join(
        c.ljust(w) if i < 2 or i == len(wide) - 1 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, wide, strict=True))
    )
