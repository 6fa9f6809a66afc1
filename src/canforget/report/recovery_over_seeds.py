"""Does rounding bring the forgotten back? What the records of a study say, over seeds, beside retrained models and noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.rebound import RECOVERED, Trend, excess_rebound, reason_of, recovered_fraction
from canforget.evaluation.statistics import Interval, holm, mean_above_zero
from canforget.report.dose_response import trends
from canforget.report.record import Combination, Groups, Record, beside, over_seeds, value_of
from canforget.report.table import lines, number
from canforget.report.verdict import UTILITY_LOST

MEASURES = ("margin", "accuracy", "probability", "rank", "auc")
RAW = {"margin": "forget.margin", "accuracy": "forget.accuracy"}
"""Which metric holds a measure itself, for the recovered fraction; a measure without one has no fraction."""
HEADS = ("model", "format", "rebound", "retrained", "excess", "fraction", "noise p", "Holm p", "what may be said")
FORMAT_HEADS = ("format", "retrained", "least excess", "median", "most", "median ±", "above 0", "below 0", "recovered")
LEGEND = (
    "Of the {measure} on the forget set, up meaning remembered; ± is half a 95 % t interval over seeds. rebound: rounded less before rounding;\n"
    "retrained: the same of the retrained models of the same seeds; excess: the difference. fraction: 0 as the retrained models in that\n"
    "format, 1 as the original (–: not measured, or too little lies between them). noise p: the largest over seeds of the share of draws of\n"
    "weight noise, of the rounding's norm, that move at least as far. Holm p: of an excess above 0, one-sided, over the {tests} tests of the table.\n"
    "Asked only of models that kept their utility and had forgotten before rounding. It is brought back only where the excess is above 0 by its interval and no seed's noise p is above .05. A net that merely stands\n"
    "a format better than retrained ones shows an excess too, on unseen images alike: what is of the forget set alone shows with --measure auc."
)


@dataclass(frozen=True)
class Recovery:
    """What rounding an unlearned model to a format does to a measure, over seeds; `says` is what may be claimed of it."""

    unlearner: str
    quantizer: str
    rebound: float | None
    retrained: float | None
    excess: Value | NotRun
    fraction: Value | NotRun
    noise_p: float | None
    p: float
    p_adjusted: float
    says: str

    @property
    def claimed(self) -> bool:
        """Whether rounding may be said to bring something back."""
        return self.says == RECOVERED


@dataclass(frozen=True)
class RecoveryBlock:
    """All formats and unlearners of one data set, model and scenario, for one measure; with trends of the excess along doses."""

    title: str
    measure: str
    rows: tuple[Recovery, ...]
    trends: dict[str, Trend]

    def answer(self) -> str:
        """One sentence that the rows support."""
        ends = intervals(self.rows)
        if not ends:
            return f"Nothing can be said of the {self.measure}: no format was judged over two seeds or more, with noise."
        back = [f"{row.unlearner} at {row.quantizer}" for row in self.rows if row.claimed]
        above = sum(low > 0 for low, _ in ends)
        found = f"brings the {self.measure} back in {len(back)} of {len(ends)} cases" + (f" ({'; '.join(back)})" if back else "")
        chance = f"{0.025 * len(ends):.1f} would be above 0 by chance alone"
        return (
            f"Rounding {found}: its excess over retrained models is above 0 in {above} ({chance}), after Holm in "
            f"{sum(row.p_adjusted <= 0.05 for row in self.rows)}. Half of the intervals are wider than ± {median_half(ends):.2g}."
        )


def recoveries(records: Sequence[Record], measure: str = "margin") -> list[RecoveryBlock]:
    """What the records say of a measure of the `recovery` audit (accuracy, probability, margin, rank, auc), a block a scenario.

    A claim needs the excess rebound above 0 by its t interval over seeds and, in every seed, noise of the rounding's norm that moves the
    measure as far in at most one of twenty draws; and it is made only of models that kept their utility and had forgotten before rounding,
    by the verdicts that the records hold. Holm's p covers all formats and unlearners of a block.
    """
    groups = over_seeds(records)
    blocks: dict[tuple[str, str, str], list[Combination]] = {}
    for combination in groups:
        if not combination.reference:
            blocks.setdefault(combination.problem, []).append(combination)
    return [
        RecoveryBlock(
            f"{' · '.join(problem)} · {measure}",
            measure,
            adjusted([recovery_of(c, groups, measure) for c in unlearned]),
            trends(responses(unlearned, groups, measure)),
        )
        for problem, unlearned in blocks.items()
    ]


def recovery_of(combination: Combination, groups: Groups, measure: str) -> Recovery:
    """One unlearner at one format, not yet adjusted for the other tests."""
    rebounds = attempt(paired, combination, groups, f"recovery.{measure}_rebound")
    fraction = attempt(fraction_of, combination, groups, measure)
    labels = combination.unlearner.label, combination.quantizer.label
    if isinstance(rebounds, NotRun):
        says = f"not run: {rebounds.reason}" if combination.rounded else "before rounding"
        return Recovery(*labels, None, None, rebounds, fraction, None, 1.0, 1.0, says)
    own, others = rebounds
    found = [value_of(r, f"recovery.{measure}_noise_p").value for r in groups[combination]]
    noise = [p for p in found if p is not None]
    worst = max(noise) if len(noise) == len(found) else None
    excess = excess_rebound(own, others) if len(own) > 1 else Value(own[0] - others[0], None, 1)
    p = mean_above_zero(numpy.subtract(own, others))
    says = closed_gate(groups[combination]) or said(excess, worst)
    return Recovery(*labels, mean(own), mean(others), excess, fraction, worst, p, p, says)


def closed_gate(group: Sequence[Record]) -> str:
    """The gate before this question that is closed: utility lost, or not forgotten before rounding; nothing where both are open."""
    verdict = group[0].verdict
    if verdict is None:
        return ""
    if UTILITY_LOST in (verdict.word, verdict.full_precision):
        return UTILITY_LOST
    return "had not forgotten before rounding" if verdict.had_forgotten is False else ""


def said(excess: Value, noise_p: float | None) -> str:
    """What may be claimed."""
    if excess.interval is None:
        return "one seed decides nothing"
    if noise_p is None:
        return "no noise controls: nothing may be claimed" if excess.interval[0] > 0 else reason_of(excess.interval, 1.0)
    return reason_of(excess.interval, noise_p)


def adjusted(rows: Sequence[Recovery]) -> tuple[Recovery, ...]:
    """The rows with Holm's p over those that were tested."""
    tested = [row for row in rows if isinstance(row.excess, Value)]
    found = dict(zip(map(id, tested), holm([row.p for row in tested]).tolist() if tested else (), strict=True))
    return tuple(replace(row, p_adjusted=found.get(id(row), 1.0)) for row in rows)


def fraction_of(combination: Combination, groups: Groups, measure: str) -> Value:
    """The recovered fraction over seeds, from the measure itself of unlearned, original and retrained models in the same format."""
    name = RAW.get(measure)
    if name is None:
        raise NotMeasurable(f"no metric holds the {measure} itself")
    unlearned, retrained = paired(combination, groups, name)
    originals = [v for r in beside(groups, combination, "nothing") if (v := value_of(r, name).value) is not None]
    if len(originals) != len(unlearned):
        raise NotMeasurable(f"the original models have no {name}")
    return recovered_fraction(unlearned, originals, retrained)


def paired(combination: Combination, groups: Groups, name: str) -> tuple[list[float], list[float]]:
    """A value of the unlearned models and of the retrained ones of the same seeds; raises `NotMeasurable` where some seed has none."""
    others = {r.case.seed: r for r in beside(groups, combination, "retrain")}
    sides: tuple[list[float], list[float]] = ([], [])
    for record in groups[combination]:
        if record.case.seed not in others:
            raise NotMeasurable(f"seed {record.case.seed}: no retrained model")
        for r, side in zip((record, others[record.case.seed]), sides, strict=True):
            found = value_of(r, name)
            if found.value is None:
                raise NotMeasurable(f"seed {record.case.seed}: {name}: {found.not_run}")
            side.append(found.value)
    return sides


def responses(unlearned: Sequence[Combination], groups: Groups, measure: str) -> dict[Combination, list[float]]:
    """The excess rebound of every seed, where every seed has one."""
    pairs = {c: attempt(paired, c, groups, f"recovery.{measure}_rebound") for c in unlearned}
    return {c: numpy.subtract(*pair).tolist() for c, pair in pairs.items() if not isinstance(pair, NotRun)}


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return float(numpy.mean(values))


def text(found: Sequence[RecoveryBlock]) -> str:
    """Every block as aligned plain text, with its answer."""
    said: list[str] = []
    for block in found:
        said += [block.title, *lines([HEADS, *map(cells, block.rows)], (0, 1, len(HEADS) - 1)), ""]
        if summary := by_format(block):
            said += [*lines([FORMAT_HEADS, *summary], (0,)), ""]
        said.append(block.answer())
        said += [f"Excess against {along}: rank correlation {t.correlation:+.2f}, p {t.p:.2g}." for along, t in block.trends.items()]
        said += ["", LEGEND.format(measure=block.measure, tests=sum(isinstance(r.excess, Value) for r in block.rows)), ""]
    return "\n".join(said)


def intervals(rows: Sequence[Recovery]) -> list[Interval]:
    """The intervals of all excesses that have one."""
    return [row.excess.interval for row in rows if isinstance(row.excess, Value) and row.excess.interval is not None]


def median_half(ends: Sequence[Interval]) -> float:
    """Half of the intervals are wider than ± this."""
    return float(numpy.median([(high - low) / 2 for low, high in ends]))


def by_format(block: RecoveryBlock) -> list[list[str]]:
    """A line a format: the rebound of retrained models, the excess over all unlearners, and how many lie off 0 by their interval."""
    table = []
    for quantizer in dict.fromkeys(row.quantizer for row in block.rows):
        rows = [row for row in block.rows if row.quantizer == quantizer]
        if ends := intervals(rows):
            excess = [row.excess.value for row in rows if isinstance(row.excess, Value)]
            spread = [numpy.min(excess), numpy.median(excess), numpy.max(excess)]
            off = [sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends), sum(row.claimed for row in rows)]
            retrained = mean([row.retrained for row in rows if row.retrained is not None])
            table.append([quantizer, *(f"{v:+.3f}" for v in (retrained, *spread)), f"{median_half(ends):.3f}", *map(str, off)])
    return table


def cells(row: Recovery) -> list[str]:
    """The cells of one line."""
    plain = ["–" if v is None else f"{v:+.3f}" for v in (row.rebound, row.retrained)]
    p = ["–" if v is None else number(v) for v in (row.noise_p, row.p_adjusted if isinstance(row.excess, Value) else None)]
    return [row.unlearner, row.quantizer, *plain, spread(row.excess), spread(row.fraction), *p, row.says]


def spread(found: Value | NotRun) -> str:
    """A value with half its interval, or its two ends where it is not symmetric; a dash where there is none."""
    if isinstance(found, NotRun):
        return "–"
    if found.interval is None:
        return f"{found.value:+.3f}"
    low, high = found.interval
    if abs((low + high) / 2 - found.value) < 1e-9:
        return f"{found.value:+.3f} ± {(high - low) / 2:.3f}"
    return f"{found.value:+.3f} [{low:+.2f}, {high:+.2f}]"
