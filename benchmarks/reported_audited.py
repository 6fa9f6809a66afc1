"""What papers report of unlearners beside what an audit of ours finds, as Markdown tables made from the records and nothing else.

    canforget run recipes/reported_audited.toml --data-dir DATA --store STORE --out results/reported_audited
    canforget audit --study results/reported_audited --store STORE --data-dir DATA --out results/reported_audited/standard.json
    python benchmarks/reported_audited.py [results/reported_audited]

The first table is of float32: what is printed (`reported.toml`, percent), the field's own columns for our models, then the audit. The
second is of the formats; the third has the words of the standard audit, world by world; the last asks whether rounding brings memory back.
"""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy

from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.statistics import t_interval
from canforget.report.judgment import CALIBRATED, measurement, values
from canforget.report.measurement import Margins
from canforget.report.record import REFERENCES, Combination, Groups, Record, load_records, over_seeds, value_of
from canforget.report.recovery_over_seeds import recoveries

FOLDER = Path(__file__).parents[1] / "results" / "reported_audited"
NAMES = {"retrain": "*retrained*", "nothing": "*original*"}
FIELD = ("unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "svc_membership.efficacy", "average_gap")
FLOAT_HEADS = (
    "unlearner", "reported", "ours: UA, RA, TA, MIA, gap", "retain, test against retraining", "calibrated AUC", "both versions: AUC, excess", "coins: p", "coins: ε ≥",
    "memory left", "verdict", "standard audit",
)  # fmt: skip
FORMAT_HEADS = ("unlearner", "format", "test", "calibrated AUC", "coins: ε ≥", "memory left", "verdict")
STANDARD_HEADS = (
    "unlearner", "format", "standard audit", "answers", "membership", "coin flips", "both versions", "relearning", "blank head", "recovery radius",
    "rounding",
)  # fmt: skip
BACK_HEADS = ("unlearner", "format", "Δ AUC", "of the memory", "signal/noise", "kept", "what may be said")
Row = Sequence[str]
Audits = dict[str, list[dict[str, Any]]]


def tables(folder: Path = FOLDER) -> dict[str, str]:
    """The four tables and the sources of what is reported as Markdown, by name: "float32", "sources", "formats", "standard" and "recovery"."""
    records = load_records(folder)
    groups = over_seeds(records)
    printed = tomllib.loads((folder / "reported.toml").read_text(encoding="utf-8"))["figures"]
    audits = standard_audits(folder)
    full = [c for c in groups if not c.rounded]
    rounded = [c for unlearner in full for c in groups if c.rounded and c.unlearner == unlearner.unlearner]
    return {
        "float32": markdown(FLOAT_HEADS, [float_row(c, groups, printed, audits) for c in full]),
        "sources": legend(printed),
        "formats": markdown(FORMAT_HEADS, [format_row(c, groups) for c in rounded]),
        "standard": markdown(STANDARD_HEADS, [r for c in full for r in standard_rows(c, audits)]),
        "recovery": markdown(BACK_HEADS, back_rows(records)),
    }


def markdown(heads: Row, rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def standard_audits(folder: Path) -> Audits:
    """The standard audits by the label of the unlearner, world by world."""
    found: Audits = {}
    for audit in json.loads((folder / "standard.json").read_text(encoding="utf-8"))["audits"]:
        found.setdefault(audit["subject"].rpartition(" (seed ")[0], []).append(audit)
    return found


def standard_rows(combination: Combination, audits: Audits) -> list[Row]:
    """The word of the standard audit on a format, and on every question asked in it, over worlds; no row where it was not made."""
    made = audits.get(combination.unlearner.label, [])
    answers = [(a["format"], a["question"], a["word"]) for audit in made for a in audit["answers"]]
    rows = []
    for format_ in dict.fromkeys(f["format"] for audit in made for f in audit["formats"]):
        cells = [counted(word for f, q, word in answers if (f, q) == (format_, question)) for question in STANDARD_HEADS[3:]]
        rows.append([name_of(combination), format_, standard_word(made, format_), *cells])
    return rows


def standard_word(made: Sequence[dict[str, Any]], format_: str) -> str:
    """The verdict of the standard audit on a format, over worlds."""
    return counted(f["word"] for audit in made for f in audit["formats"] if f["format"] == format_)


def counted(words: Iterable[str]) -> str:
    """Words of all worlds: one where they agree, else how many worlds say what; a dash for none."""
    found = Counter(word.removesuffix(" with retraining") for word in words)
    return next(iter(found), "–") if len(found) < 2 else ", ".join(f"{word} ({n})" for word, n in found.most_common())


def float_row(combination: Combination, groups: Groups, printed: Sequence[dict[str, Any]], audits: Audits) -> Row:
    """What is reported of an unlearner, and what the audit finds at full precision."""
    group = groups[combination]
    if why := not_run(group):
        return [name_of(combination), reported(combination, printed), f"not run: {why}", *["–"] * (len(FLOAT_HEADS) - 3)]
    return [
        name_of(combination), reported(combination, printed), ", ".join(percent(mean(group, name)) for name in FIELD), utility(combination, groups),
        with_interval(group, CALIBRATED), both_versions(group), each(group, "coin_flips.p", probability),
        each(group, "coin_flips.epsilon_lower_bound", plain), memory_left(combination, groups), verdict_of(group),
        standard_word(audits.get(combination.unlearner.label, []), "float32"),
    ]  # fmt: skip


def format_row(combination: Combination, groups: Groups) -> Row:
    """What the audit finds in a format."""
    group, labels = groups[combination], (name_of(combination), format_of(combination.quantizer.label))
    if why := not_run(group):
        return [*labels, f"not run: {why}", *["–"] * (len(FORMAT_HEADS) - 3)]
    return [
        *labels, percent(mean(group, "test.accuracy")), with_interval(group, CALIBRATED),
        each(group, "coin_flips.epsilon_lower_bound", plain), memory_left(combination, groups), verdict_of(group),
    ]  # fmt: skip


def back_rows(records: Sequence[Record]) -> list[Row]:
    """Whether rounding brings membership back, unlearner by unlearner and format by format."""
    (block,) = recoveries(records, "auc")
    return [
        [
            named(row.unlearner), format_of(row.quantizer), spread(row.effect), spread(row.fraction), number(row.signal_to_noise),
            number(row.retained_projection), row.says,
        ]
        for row in block.rows
        if row.quantizer != "none"
    ]  # fmt: skip


def reported(combination: Combination, printed: Sequence[dict[str, Any]]) -> str:
    """What papers print of an unlearner, each with the letter of its source; "not found" where nothing was."""
    if combination.reference or combination.control:
        return "–"
    letters = sources(printed)
    found = [p for p in printed if p["unlearner"] == combination.unlearner.name]
    return "; ".join(f"{figures(p['printed'])} [{letters[source_of(p)]}]" for p in found) or "not found"


def figures(printed: dict[str, str]) -> str:
    """Figures by name, as printed."""
    return ", ".join(f"{name} {value}" for name, value in printed.items())


def source_of(figure: dict[str, Any]) -> tuple[str, ...]:
    """Paper, place, net and case that a figure is of; the row of the table is no part of it."""
    paper = figure["paper"].partition(", row")[0]
    return paper, f"arXiv {figure['arxiv']}", figure["place"], f"{figure['dataset']}, {figure['net']}", figure["scenario"]


def sources(printed: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], str]:
    """A letter for every source, in the order in which they are named."""
    return dict(zip(dict.fromkeys(map(source_of, printed)), "abcdefgh", strict=False))


def legend(printed: Sequence[dict[str, Any]]) -> str:
    """A line for every source, with what it prints of retraining."""
    retrained = {source_of(p): figures(p["retrained"]) for p in printed}
    return "\n".join(f"* [{letter}] {', '.join(source)}; retrained: {retrained[source]}." for source, letter in sources(printed).items())


def name_of(combination: Combination) -> str:
    """The name of an unlearner as the tables have it."""
    return named(combination.unlearner.label)


def named(label: str) -> str:
    """An unlearner's label; references in words."""
    return NAMES.get(label.partition(":")[0], label)


def format_of(label: str) -> str:
    """A format as one says it."""
    return {"none": "float32", "int:bits=8": "int8", "int:bits=4": "int4"}.get(label, label)


def not_run(group: Sequence[Record]) -> str:
    """Why a seed of a group was not run, or nothing."""
    return next((r.not_run for r in group if r.not_run), "")


def mean(group: Sequence[Record], name: str) -> float:
    """A value's mean over worlds."""
    return float(numpy.mean(values(name, group)))


def utility(combination: Combination, groups: Groups) -> str:
    """Accuracy on retained and on unseen images less that of the retrained models, in points."""
    if combination.unlearner.name == "retrain":
        return "–"
    retrained = next(g for c, g in groups.items() if c.unlearner.name == "retrain" and c.quantizer == combination.quantizer)
    names = ("retain.accuracy", "test_retain.accuracy")
    return ", ".join(f"{100 * (mean(groups[combination], n) - mean(retrained, n)):+.1f}" for n in names)


def with_interval(group: Sequence[Record], name: str) -> str:
    """A value's mean over worlds with the 95 % t interval."""
    found = values(name, group)
    interval = t_interval(found)
    ends = "" if interval is None else f" [{short(interval[0])}, {short(interval[1])}]"
    return f"{short(float(numpy.mean(found)))}{ends}"


def both_versions(group: Sequence[Record]) -> str:
    """AUC of an attacker who kept the original, and what it is beyond that of retrained models; means over worlds, a dash without them."""
    names = ("calibrated_membership.both_versions_auc", "calibrated_membership.both_versions_excess")
    found = [attempt(values, name, group) for name in names]
    if any(isinstance(f, NotRun) for f in found):
        return "–"
    area, excess = (float(numpy.mean(f)) for f in found)
    return f"{short(area)}, {signed(excess)}"


def each(group: Sequence[Record], name: str, form: Callable[[float], str]) -> str:
    """A value of every world."""
    return " ".join("–" if (v := value_of(r, name).value) is None else form(v) for r in group)


def memory_left(combination: Combination, groups: Groups) -> str:
    """The share of the memory that is left by calibrated membership, with its one-sided upper bound."""
    if combination.unlearner.name in REFERENCES:
        return "–"
    made = attempt(measurement, CALIBRATED, combination, groups, Margins())
    share = made if isinstance(made, NotRun) else attempt(lambda: made.residue)
    return "–" if isinstance(share, NotRun) else f"{share.value:.2f} (≤ {share.upper:.2f})"


def verdict_of(group: Sequence[Record]) -> str:
    """The word, and the test that decided it."""
    verdict = group[0].verdict
    return "–" if verdict is None else f"{verdict.word} ({verdict.test})"


def spread(found: Value | NotRun) -> str:
    """A value with its interval."""
    if isinstance(found, NotRun):
        return "–"
    ends = "" if found.interval is None else f" [{found.interval[0]:+.3f}, {found.interval[1]:+.3f}]"
    return f"{found.value:+.3f}{ends}"


def number(value: float | None) -> str:
    """Two places, or a dash."""
    return "–" if value is None else f"{value:.2f}"


def short(value: float) -> str:
    """Three places, without a leading zero."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def signed(value: float) -> str:
    """Three places with the sign, without a leading zero."""
    return f"{value:+.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:+.3f}"


def probability(p: float) -> str:
    """A p value; the smallest that the draws allow is told as it is."""
    return f"{p:.2g}"


def plain(value: float) -> str:
    """Two places."""
    return f"{value:.2f}"


def percent(value: float) -> str:
    """A fraction in percent, with one place."""
    return f"{100 * value:.1f}"


if __name__ == "__main__":
    for title, table in tables(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER).items():
        print(f"{title}\n\n{table}\n")
