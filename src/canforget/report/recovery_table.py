"""What rounding brought back, as aligned text: a line an unlearner and format, a line a format, its noise control, and the answer."""

from collections.abc import Sequence

import numpy

from canforget.evaluation.evidence import NotRun, Value
from canforget.evaluation.rebound import LEAST_CLAIMED
from canforget.evaluation.statistics import Interval
from canforget.report.dose_response import Dose, smallest_seen
from canforget.report.fit_width import fit_table, lines, paragraph
from canforget.report.recovery_over_seeds import Recovery, RecoveryBlock, intervals
from canforget.report.table import number

HEADS = (
    "model", "format", "rebound", "retrained", "excess", "beside noise", "Holm p", "fraction", "seen from", "signal/noise", "kept",
    "what may be said",
)  # fmt: skip
NARROW_HEADS = ("model", "format", "excess", "beside noise", "Holm p", "what may be said")
FORMAT_HEADS = ("format", "retrained", "least", "median", "most", "median ±", "above 0", "below 0", "recovered")
LEGEND = (
    "Of the {measure} on the forget set, up meaning remembered; ± is half a 95 % t interval over seeds, unpaired.\n"
    "rebound: rounded less before rounding; retrained: the same of the retrained models; excess: the difference. beside noise: Δ, the\n"
    "same less what noise of the rounding's norm and structure does to each model. Holm p: of Δ above {least:.0%} of the memory, one-sided, over\n"
    "the rows asked ({methods} of methods; {controls} of controls, which are corrected by themselves).\n"
    "fraction: Δ of the memory there is in the format (0 nothing, 1 all), Fieller's interval; seen from: the smallest found with 80 % power.\n"
    "signal/noise: norm of the update over that of the rounding error; kept: share of the update that survives rounding (both from code_flips).\n"
    "Asked only of models that kept their utility and had forgotten before rounding, where there was memory and where noise is a null. A net that\n"
    "stands a format better than retrained ones shows an effect too, on unseen images alike: what is of the forget set alone shows with\n"
    "--measure auc. By format: Δ, or the excess where there is none."
)


NARROW_LEGEND = (
    "Of the {measure} on the forget set, up meaning remembered. excess: what rounding changed, less what it changed of retrained models; "
    "beside noise: the same less what noise of the rounding's size does; ± is half a 95 % t interval over seeds. Holm p: of that above "
    "{least:.0%} of the memory, over the rows asked ({methods} of methods; {controls} of controls, by themselves). More columns, and what "
    "they mean: --wide."
)


def text(found: Sequence[RecoveryBlock], wide: bool = False) -> str:
    """Every block as aligned plain text, with its answer: of a hundred characters a line, or `wide` with every column."""
    said: list[str] = []
    for block in found:
        table = known_columns([HEADS, *map(cells, block.rows)])
        if not wide:
            table = [[r[k] for k, head in enumerate(table[0]) if head in NARROW_HEADS] for r in table]
        words = (0, 1, len(table[0]) - 1)
        said += [
            block.title if wide else paragraph(block.title),
            *(lines(table, words) if wide else fit_table(table[0], table[1:], words)),
            "",
        ]
        if summary := by_format(block):
            said += [*(lines([FORMAT_HEADS, *summary], (0,)) if wide else fit_table(FORMAT_HEADS, summary, (0,))), ""]
        sentences = [f"Noise control at {quantizer}: {control.reason()}." for quantizer, control in block.controls.items()]
        sentences.append(block.answer())
        sentences += [f"Effect against {along}: rank correlation {t.correlation:+.2f}, p {t.p:.2g}." for along, t in block.trends.items()]
        sentences += [power_along(along, doses) for along, doses in block.doses.items()]
        tests = [sum(row.tested for row in block.rows if row.control == control) for control in (False, True)]
        given = {"measure": block.measure, "methods": tests[0], "controls": tests[1], "least": LEAST_CLAIMED}
        legend = (LEGEND if wide else NARROW_LEGEND).format(**given)
        said += [*sentences, "", legend, ""] if wide else [*map(paragraph, sentences), "", paragraph(legend), ""]
    return "\n".join(said)


def power_along(along: str, doses: Sequence[Dose]) -> str:
    """From which dose on what comes back is found with 80 % power, with ρ at every dose."""
    smallest = smallest_seen(doses)
    found = "; ".join(f"{d.dose:g}: {d.found.value:.2g}, seen from {d.found.least:.2g}" for d in doses)
    said = "the largest is not found with 80 % power" if smallest is None else f"found with 80 % power from {smallest.dose:g} on"
    return f"Along {along}: {said} (fraction by dose: {found})."


def known_columns(table: Sequence[Sequence[str]]) -> list[list[str]]:
    """The table without the columns that hold nothing in any row.

    >>> known_columns([("a", "b"), ("1", "–")])
    [['a'], ['1']]
    """
    kept = [k for k in range(len(table[0])) if any(line[k] != "–" for line in table[1:])]
    return [[line[k] for k in kept] for line in table]


def median_half(ends: Sequence[Interval]) -> float:
    """Half of the intervals are wider than ± this."""
    return float(numpy.median([(high - low) / 2 for low, high in ends]))


def by_format(block: RecoveryBlock) -> list[list[str]]:
    """A line a format: the rebound of retrained models, the effect over all unlearners, and how many lie off 0 by their interval."""
    table = []
    for quantizer in dict.fromkeys(row.quantizer for row in block.rows):
        rows = [row for row in block.rows if row.quantizer == quantizer]
        if ends := intervals(rows):
            effects = [found.value for row in rows if isinstance(found := row.shown, Value)]
            spread = [numpy.min(effects), numpy.median(effects), numpy.max(effects)]
            off = [sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends), sum(row.claimed for row in rows)]
            retrained = float(numpy.mean([row.retrained for row in rows if row.retrained is not None]))
            table.append([quantizer, *(f"{v:+.3f}" for v in (retrained, *spread)), f"{median_half(ends):.3f}", *map(str, off)])
    return table


def cells(row: Recovery) -> list[str]:
    """The cells of one line."""
    plain = ["–" if v is None else f"{v:+.3f}" for v in (row.rebound, row.retrained)]
    p = number(row.p_adjusted) if row.tested else "–"
    least = "–" if row.least_fraction is None else f"{row.least_fraction:.2g}"
    regime = [least, *("–" if v is None else f"{v:.2f}" for v in (row.signal_to_noise, row.retained_projection))]
    effects = [with_spread(row.excess), with_spread(row.effect), p, with_spread(row.fraction)]
    return [row.unlearner, row.quantizer, *plain, *effects, *regime, row.says]


def with_spread(found: Value | NotRun) -> str:
    """A value with half its interval, or its two ends where it is not symmetric; a dash where there is none."""
    if isinstance(found, NotRun):
        return "–"
    if found.interval is None:
        return f"{found.value:+.3f}"
    low, high = found.interval
    if abs((low + high) / 2 - found.value) < 1e-9:
        return f"{found.value:+.3f} ± {(high - low) / 2:.3f}"
    return f"{found.value:+.3f} [{low:+.2f}, {high:+.2f}]"
