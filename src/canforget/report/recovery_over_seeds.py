"""Does rounding bring the forgotten back? What the records of a study say, over seeds, beside retrained models and noise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.fieller import MemoryFraction
from canforget.evaluation.moderated import Contrast
from canforget.evaluation.rebound import FormatValues, NullCheck, RecoveryEffect, Trend, recovery_effects
from canforget.evaluation.statistics import Interval, holm
from canforget.report.dose_response import Dose, FoundFraction, doses_seen, trends
from canforget.report.judgment import image_error, values
from canforget.report.record import REFERENCES, Combination, Groups, Record, beside, over_seeds
from canforget.report.recovery_gates import OLDER_CONTROL, closed_gate, closed_here, has_control, missing_control, noise_check

MEASURES = ("margin", "accuracy", "probability", "rank", "auc")
RECOVERED = "rounding brings it back"
NONE_DETECTED = "none detected"
NOT_ASKED = NotRun("not asked")


@dataclass(frozen=True)
class Recovery:
    """What rounding an unlearned model to a format does to a measure, over seeds; `says` is what may be said of it, `claimed` whether it is yes.

    `excess` is the plain one, rebound less that of retrained models; `effect` is Δ, both beside noise; `fraction` is ρ, Δ as a share of the
    memory there is in the format, and `least_fraction` the smallest that would be found with 80 % power. `tested` rows share Holm's
    correction, methods among themselves and controls among themselves; p is one-sided, of no more than `LEAST_CLAIMED` of the memory. The
    regime of the update: `signal_to_noise` and `retained_projection`, from the probe `code_flips`.
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
    control: bool = False
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
    doses: dict[str, tuple[Dose, ...]]
    controls: dict[str, NullCheck] = field(default_factory=dict)
    older_control: bool = False

    def answer(self) -> str:
        """One sentence that the rows support."""
        tested = [row for row in self.rows if row.tested]
        if self.older_control:
            return (
                f"{OLDER_CONTROL[0].upper()}{OLDER_CONTROL[1:]} of the {self.measure}; the excess is the plain one, over retrained models."
            )
        methods, controls = ([row for row in tested if row.control == control] for control in (False, True))
        said = f"Rounding {found_in(methods, self.measure)}, by one-sided tests after Holm.{seen_by(methods)}"
        if not methods:
            said = f"Nothing may be claimed of the {self.measure}: no method passed the gates with a checked noise control over two seeds or more."
        return said + (f" Of controls, tested by themselves, it {found_in(controls, self.measure)}." if controls else "")


def found_in(tested: Sequence[Recovery], measure: str) -> str:
    """In how many cases something came back, and in which."""
    back = [f"{row.unlearner} at {row.quantizer}" for row in tested if row.claimed]
    return f"brings the {measure} back in {len(back)} of {len(tested)} cases" + (f" ({'; '.join(back)})" if back else "")


def seen_by(tested: Sequence[Recovery]) -> str:
    """How little half of the tests would have found."""
    least = [row.least_fraction for row in tested if row.least_fraction is not None]
    return f" Half of these tests would have found {numpy.median(least):.2g} of the memory with 80 % power." if least else ""


def recoveries(records: Sequence[Record], measure: str = "margin", with_trends: bool = True) -> list[RecoveryBlock]:
    """What the records say of a measure of the `recovery` audit (accuracy, probability, margin, rank, auc), a block a scenario.

    One rule (`recovery_effects`): Δ, the rebound beside noise less that of the retrained models, is above `LEAST_CLAIMED` of the memory by
    a one-sided t test over seeds, after Holm over all methods (or all controls) of the block that are asked. Gates first: memory to lose,
    utility kept, forgotten before rounding (by the verdicts that the records hold), and memory in the format by this measure. Nothing is
    claimed in a format where noise is no null on models that unlearned nothing, where there are too few of these to check it, nor of
    records whose noise control is an older one. Trends along doses are tested by permutation and take a tenth of a second each:
    `with_trends` says whether they are wanted.
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
            controls[quantizer] = noise_check(same[0], groups, measure)
        plain |= effects_of(same, groups, f"recovery.{measure}_rebound")
        effects |= effects_of(same, groups, f"recovery.{measure}_beside_noise", f"recovery.{measure}_rounded")
    rows = {c: row_of(c, groups, measure, plain.get(c), effects.get(c), controls.get(c.quantizer.label)) for c in unlearned}
    for control in (False, True):
        rows |= decide({c: row for c, row in rows.items() if row.control == control}, effects)
    found = {c: dose for c, row in rows.items() if (dose := dose_of(row)) is not None}
    along = trends(responses(unlearned, groups, measure)) if with_trends else {}
    return RecoveryBlock(" · ".join((*problem, measure)), measure, tuple(rows.values()), along, doses_seen(found), controls, older)


def dose_of(row: Recovery) -> FoundFraction | None:
    """What was found of a row that was asked."""
    if not row.tested or row.least_fraction is None or isinstance(row.fraction, NotRun):
        return None
    return FoundFraction(row.fraction.value or 0.0, row.least_fraction, row.claimed)


def effects_of(same: Sequence[Combination], groups: Groups, name: str, level: str = "") -> dict[Combination, RecoveryEffect]:
    """The effect on a value of unlearners of a format that have it in every seed, controls never among the peers; ρ where `level` names the measure."""
    methods = [c for c in same if not c.control]
    families = [*([methods] if methods else []), *([c, *methods] for c in same if c.control)]
    found: dict[Combination, RecoveryEffect] = {}
    for family in families:
        found |= {c: effect for c, effect in effects_among(family, groups, name, level).items() if c not in found}
    return found


def effects_among(family: Sequence[Combination], groups: Groups, name: str, level: str) -> dict[Combination, RecoveryEffect]:
    """The effect on a value of several unlearners of a format, with variances moderated over all of them."""
    changes = format_values(name, family, groups)
    if len(changes.retrained) < 2 or not changes.unlearned:
        return {}
    levels = format_values(level, family, groups) if level else None
    if levels is not None and len(levels.retrained) != len(changes.retrained):
        levels = None
    labels = {c.unlearner.label: c for c in family}
    records = [r for c in family for r in groups[c]] + list(beside(groups, family[0], "retrain"))
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
        return Recovery(*labels, "before rounding", control=combination.control)
    sides = attempt(rebounds, combination, groups, measure)
    if isinstance(sides, NotRun):
        return Recovery(*labels, f"not run: {sides.reason}", excess=sides, control=combination.control)
    own, others = (float(numpy.mean(side)) for side in sides)
    excess = Value(own - others, None, 1) if plain is None else value_with_interval(plain.effect, len(records))
    barred = closed_gate(records) or missing_control(records, measure, effect) or ("" if effect is None else closed_here(effect, control))
    regime = [mean_probe(records, name) for name in ("signal_to_noise", "retained_projection")]
    found = Recovery(
        *labels, barred or NONE_DETECTED, own, others, excess, signal_to_noise=regime[0], retained_projection=regime[1],
        control=combination.control,
    )  # fmt: skip
    if effect is None:
        return found
    return replace(found, effect=value_with_interval(effect.effect, len(records)), fraction=fraction_of(effect), tested=not barred)


def decide(rows: Mapping[Combination, Recovery], effects: Mapping[Combination, RecoveryEffect]) -> dict[Combination, Recovery]:
    """The rows with p, Holm's p over those that are tested, the smallest fraction found with that, and the claim."""
    tested = {c: effects[c].p for c, row in rows.items() if row.tested}
    adjusted = dict(zip(tested, holm(list(tested.values())).tolist() if tested else (), strict=True))
    found = dict(rows)
    for c, p in adjusted.items():
        yes = p <= 0.05
        least = effects[c].least_fraction(len(tested))
        says = brought_back(effects[c]) if yes else NONE_DETECTED
        found[c] = replace(rows[c], p=tested[c], p_adjusted=p, least_fraction=least, claimed=yes, says=says)
    return found


def brought_back(effect: RecoveryEffect) -> str:
    """That something comes back, how much of the memory that is, and above what it is by the one-sided bound."""
    if effect.fraction is None:
        return RECOVERED
    share, lower = 100 * effect.fraction.value, 100 * effect.fraction.lower
    return f"{RECOVERED}: {share:.2g} % of the memory, over {lower:.2g} %"


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
