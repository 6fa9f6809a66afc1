"""Does rounding bring the forgotten back? What the records of a study say, over seeds, beside retrained models and noise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.fieller import MemoryFraction
from canforget.evaluation.moderated import Contrast
from canforget.evaluation.rebound import FormatValues, NullCheck, RecoveryEffect, Trend, null_check, recovery_effects
from canforget.evaluation.statistics import Interval, holm
from canforget.report.dose_response import trends
from canforget.report.judgment import image_error, values
from canforget.report.record import REFERENCES, Combination, Groups, Record, beside, over_seeds, value_of
from canforget.report.verdict import POWERLESS, UTILITY_LOST

MEASURES = ("margin", "accuracy", "probability", "rank", "auc")
RECOVERED = "rounding brings it back"
NONE_DETECTED = "none detected"
NO_NULL_HERE = "the noise control is no null here"
NOT_ASKED = NotRun("not asked")
OLDER_CONTROL = "older noise control: nothing may be claimed"


@dataclass(frozen=True)
class Recovery:
    """What rounding an unlearned model to a format does to a measure, over seeds; `says` is what may be said of it, `claimed` whether it is yes.

    `excess` is the plain one, rebound less that of retrained models; `effect` is Δ, both beside noise; `fraction` is ρ, Δ as a share of the
    memory there is in the format, and `least_fraction` the smallest that would be found with 80 % power. `tested` rows share Holm's
    correction; p is one-sided. The regime of the update: `signal_to_noise` and `retained_projection`, from the probe `code_flips`.
    """

    unlearner: str
    quantizer: str
    says: str
    rebound: float | None = None
    retrained: float | None = None
    excess: Value | NotRun = NOT_ASKED
    effect: Value | NotRun = NOT_ASKED
    fraction: Value | NotRun = NOT_ASKED
    least_fraction: float | None = None
    signal_to_noise: float | None = None
    retained_projection: float | None = None
    tested: bool = False
    p: float = 1.0
    p_adjusted: float = 1.0
    claimed: bool = False

    @property
    def shown(self) -> Value | NotRun:
        """Δ where there is one, else the plain excess."""
        return self.effect if isinstance(self.effect, Value) else self.excess


@dataclass(frozen=True)
class RecoveryBlock:
    """All formats and unlearners of one data set, model and scenario, for one measure; the noise control of every format; trends along doses."""

    title: str
    measure: str
    rows: tuple[Recovery, ...]
    trends: dict[str, Trend]
    controls: dict[str, NullCheck] = field(default_factory=dict)
    older_control: bool = False

    def answer(self) -> str:
        """One sentence that the rows support."""
        tested = [row for row in self.rows if row.tested]
        if self.older_control:
            return (
                f"{OLDER_CONTROL[0].upper()}{OLDER_CONTROL[1:]} of the {self.measure}; the excess is the plain one, over retrained models."
            )
        if not tested:
            return f"Nothing may be claimed of the {self.measure}: no row passed the gates with a noise control over two seeds or more."
        back = [f"{row.unlearner} at {row.quantizer}" for row in self.rows if row.claimed]
        found = f"brings the {self.measure} back in {len(back)} of {len(tested)} cases" + (f" ({'; '.join(back)})" if back else "")
        least = [row.least_fraction for row in tested if row.least_fraction is not None]
        power = f" Half of these tests would have found {numpy.median(least):.2g} of the memory with 80 % power." if least else ""
        return f"Rounding {found}, by one-sided tests after Holm.{power}"


def recoveries(records: Sequence[Record], measure: str = "margin", with_trends: bool = True) -> list[RecoveryBlock]:
    """What the records say of a measure of the `recovery` audit (accuracy, probability, margin, rank, auc), a block a scenario.

    One rule (`recovery_effects`): Δ, the rebound beside noise less that of the retrained models, is above 0 by a one-sided t test
    over seeds, after Holm over all rows of the block that are asked. Gates first: memory to lose, utility kept, forgotten before rounding
    (by the verdicts that the records hold), and memory in the format by this measure. Nothing is claimed in a format where noise is no
    null on models that unlearned nothing, nor of records whose noise control is an older one. Trends along doses are tested by
    permutation and take a tenth of a second each: `with_trends` says whether they are wanted.
    """
    groups = over_seeds(records)
    blocks: dict[tuple[str, str, str], list[Combination]] = {}
    for combination in groups:
        if not combination.reference:
            blocks.setdefault(combination.problem, []).append(combination)
    return [block_of(problem, unlearned, groups, measure, with_trends) for problem, unlearned in blocks.items()]


def block_of(
    problem: tuple[str, str, str], unlearned: Sequence[Combination], groups: Groups, measure: str, with_trends: bool
) -> RecoveryBlock:
    """The rows of one problem, with Holm's p over those that are asked."""
    formats: dict[str, list[Combination]] = {}
    for combination in unlearned:
        if combination.rounded:
            formats.setdefault(combination.quantizer.label, []).append(combination)
    effects: dict[Combination, RecoveryEffect] = {}
    plain: dict[Combination, RecoveryEffect] = {}
    controls: dict[str, NullCheck] = {}
    older = any(f"recovery.{measure}_noise_p" in r.values and not has_control(r, measure) for c in unlearned for r in groups[c])
    for quantizer, same in formats.items():
        if not older:
            controls[quantizer] = null_check(noise_p_of_references(same[0], groups, measure))
        plain |= effects_of(same, groups, f"recovery.{measure}_rebound")
        effects |= effects_of(same, groups, f"recovery.{measure}_beside_noise", f"recovery.{measure}_rounded")
    rows = {c: row_of(c, groups, measure, plain.get(c), effects.get(c), controls.get(c.quantizer.label)) for c in unlearned}
    decided, title = tuple(decide(rows, effects).values()), " · ".join((*problem, measure))
    along = trends(responses(unlearned, groups, measure)) if with_trends else {}
    return RecoveryBlock(title, measure, decided, along, controls, older)


def noise_p_of_references(combination: Combination, groups: Groups, measure: str) -> list[float]:
    """The noise p of all models that unlearned nothing in the format of a combination; none of an older control."""
    records = [record for name in REFERENCES for record in beside(groups, combination, name)]
    found = [value_of(r, f"recovery.{measure}_noise_p").value for r in records if has_control(r, measure)]
    return [p for p in found if p is not None]


def has_control(record: Record, measure: str) -> bool:
    """Whether a record's noise control is today's: its rounding errors dealt anew in the rounded network."""
    return f"recovery.{measure}_beside_noise" in record.values


def effects_of(same: Sequence[Combination], groups: Groups, name: str, level: str = "") -> dict[Combination, RecoveryEffect]:
    """The effect on a value of several unlearners of a format that have it in every seed; with ρ where `level` names the measure itself."""
    changes = format_values(name, same, groups)
    if len(changes.retrained) < 2 or not changes.unlearned:
        return {}
    levels = format_values(level, same, groups) if level else None
    if levels is not None and len(levels.retrained) != len(changes.retrained):
        levels = None
    labels = {c.unlearner.label: c for c in same}
    records = [r for c in same for r in groups[c]] + list(beside(groups, same[0], "retrain"))
    errors = [image_error(r, name) for r in records]
    found = recovery_effects(changes, levels, float(numpy.sqrt(numpy.mean(numpy.square(errors)))))
    return {labels[label]: effect for label, effect in found.items()}


def effect_of(combination: Combination, groups: Groups, measure: str) -> RecoveryEffect:
    """What rounding gives back of one unlearner at one format, whatever the gates say; beside noise where there is any in the records."""
    same = [c for c in groups if not c.reference and (c.problem, c.quantizer) == (combination.problem, combination.quantizer)]
    for name in (f"recovery.{measure}_beside_noise", f"recovery.{measure}_rebound"):
        if combination in (found := effects_of(same, groups, name)):
            return found[combination]
    values(f"recovery.{measure}_rebound", groups[combination])
    raise NotMeasurable("needs two seeds of unlearned and of retrained models")


def format_values(name: str, same: Sequence[Combination], groups: Groups) -> FormatValues:
    """A value of all models of a format, of each kind that has it in every seed (of unlearned ones: in two seeds at least)."""
    unlearned = {c.unlearner.label: complete(name, groups[c]) for c in same}
    references = [complete(name, beside(groups, same[0], reference)) for reference in REFERENCES]
    return FormatValues({label: found for label, found in unlearned.items() if len(found) > 1}, *references)


def complete(name: str, records: Sequence[Record]) -> list[float]:
    """A value of every record; nothing where one has none."""
    found = attempt(values, name, records)
    return [] if isinstance(found, NotRun) else found


def row_of(
    combination: Combination, groups: Groups, measure: str, plain: RecoveryEffect | None, effect: RecoveryEffect | None,
    control: NullCheck | None,
) -> Recovery:  # fmt: skip
    """One unlearner at one format, not yet tested."""
    records, labels = groups[combination], (combination.unlearner.label, combination.quantizer.label)
    if not combination.rounded:
        return Recovery(*labels, "before rounding")
    sides = attempt(rebounds, combination, groups, measure)
    if isinstance(sides, NotRun):
        return Recovery(*labels, f"not run: {sides.reason}", excess=sides)
    own, others = (float(numpy.mean(side)) for side in sides)
    excess = Value(own - others, None, 1) if plain is None else value_with_interval(plain.effect, len(records))
    barred = closed_gate(records) or missing_control(records, measure, effect) or ("" if effect is None else closed_here(effect, control))
    regime = [mean_probe(records, name) for name in ("signal_to_noise", "retained_projection")]
    found = Recovery(
        *labels, barred or NONE_DETECTED, own, others, excess, signal_to_noise=regime[0], retained_projection=regime[1]
    )  # fmt: skip
    if effect is None:
        return found
    return replace(found, effect=value_with_interval(effect.effect, len(records)), fraction=fraction_of(effect), tested=not barred)


def closed_gate(group: Sequence[Record]) -> str:
    """The gate before this question that is closed: no memory to lose, utility lost, or not forgotten before rounding; or nothing."""
    verdict = group[0].verdict
    if verdict is None:
        return ""
    for word in (POWERLESS, UTILITY_LOST):
        if word in (verdict.word, verdict.full_precision):
            return word
    if verdict.had_forgotten is None:
        return "not known whether it had forgotten"
    return "" if verdict.had_forgotten else "had not forgotten before rounding"


def missing_control(records: Sequence[Record], measure: str, effect: RecoveryEffect | None) -> str:
    """Why nothing can be asked of these records, or nothing."""
    if not all(has_control(r, measure) for r in records):
        return OLDER_CONTROL
    if effect is not None:
        return ""
    reasons = [value_of(r, f"recovery.{measure}_beside_noise").not_run for r in records]
    reason = next((r for r in reasons if r), "one seed decides nothing" if len(records) < 2 else "retrained models have no noise control")
    return f"nothing may be claimed: {reason}"


def closed_here(effect: RecoveryEffect, control: NullCheck | None) -> str:
    """What bars a claim in this format, by this measure: no memory there, or noise that is no null."""
    if effect.powerless:
        return f"{POWERLESS}: no memory by this measure in this format"
    return NO_NULL_HERE if control is not None and control.fails else ""


def decide(rows: Mapping[Combination, Recovery], effects: Mapping[Combination, RecoveryEffect]) -> dict[Combination, Recovery]:
    """The rows with p, Holm's p over those that are tested, the smallest fraction found with that, and the claim."""
    tested = {c: effects[c].effect.p("above") for c, row in rows.items() if row.tested}
    adjusted = dict(zip(tested, holm(list(tested.values())).tolist() if tested else (), strict=True))
    found = dict(rows)
    for c, p in adjusted.items():
        yes = p <= 0.05
        least = effects[c].least_fraction(len(tested))
        says = brought_back(effects[c]) if yes else NONE_DETECTED
        found[c] = replace(rows[c], p=tested[c], p_adjusted=p, least_fraction=least, claimed=yes, says=says)
    return found


def brought_back(effect: RecoveryEffect) -> str:
    """That something comes back, and how much of the memory that is, for a significant share may be a small one."""
    return RECOVERED if effect.fraction is None else f"{RECOVERED}: {100 * effect.fraction.value:.2g} % of the memory"


def fraction_of(effect: RecoveryEffect) -> Value | NotRun:
    """ρ with its interval, or why it is not given."""
    if effect.fraction is not None:
        share: MemoryFraction = effect.fraction
        return Value(share.value, share.interval)
    if effect.memory is None:
        return NotRun("the memory in this format is not known: needs two seeds of original and retrained models")
    return NotRun(f"the original is {effect.memory.standard_errors:.1f} standard errors from the retrained models, under three")


def value_with_interval(contrast: Contrast, seeds: int) -> Value:
    """A difference with its 95 % interval."""
    return Value(contrast.estimate, contrast.interval(), seeds)


def mean_probe(records: Sequence[Record], name: str) -> float | None:
    """The mean of a figure of `code_flips` over seeds, where every seed has it; older records call it a `probe`."""
    found = complete(f"code_flips.{name}", records) or complete(f"probe.{name}", records)
    return float(numpy.mean(found)) if found else None


def rebounds(combination: Combination, groups: Groups, measure: str) -> tuple[list[float], list[float]]:
    """The rebounds of the unlearned and of the retrained models of a format; raises `NotMeasurable` where some seed has none."""
    name, others = f"recovery.{measure}_rebound", beside(groups, combination, "retrain")
    if not others:
        raise NotMeasurable("no retrained model in this format")
    return values(name, groups[combination]), values(name, others)


def responses(unlearned: Sequence[Combination], groups: Groups, measure: str) -> dict[Combination, list[float]]:
    """The effect of every seed, where every seed has one: beside noise where that is known, less the mean of the retrained models'."""
    found = {}
    for c in unlearned:
        for name in (f"recovery.{measure}_beside_noise", f"recovery.{measure}_rebound"):
            own, others = complete(name, groups[c]), complete(name, beside(groups, c, "retrain"))
            if own and others:
                found[c] = (numpy.asarray(own) - numpy.mean(others)).tolist()
                break
    return found


def intervals(rows: Iterable[Recovery]) -> list[Interval]:
    """The intervals of all effects that have one."""
    return [found.interval for row in rows if isinstance(found := row.shown, Value) and found.interval is not None]
