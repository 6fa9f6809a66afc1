"""What bars a claim that rounding brings something back: a closed gate, no noise control, or one that is no null or was not checked."""

from collections.abc import Sequence

from canforget.evaluation.rebound import NullCheck, RecoveryEffect, null_check
from canforget.report.record import REFERENCES, Combination, Groups, Record, beside, over_seeds, value_of
from canforget.report.verdict import POWERLESS, UTILITY_LOST

NO_NULL_HERE = "the noise control is no null here"
NOT_CHECKED = "the noise control could not be checked"
NOT_ASKED_FOR = "none was asked for, so that nothing may be claimed of what comes back; --set noise_draws=20 asks for it"
OLDER_CONTROL = "older noise control: nothing may be claimed"


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


def has_control(record: Record, measure: str) -> bool:
    """Whether a record's noise control is today's: its rounding errors dealt anew in the rounded network."""
    return f"recovery.{measure}_beside_noise" in record.values


def closed_here(effect: RecoveryEffect, control: NullCheck | None) -> str:
    """What bars a claim in this format, by this measure: no memory there or not known how much, or noise that is no null or not checked."""
    if effect.powerless:
        return f"{POWERLESS}: no memory by this measure in this format"
    if control is not None and control.lacking:
        return f"{NOT_CHECKED}: {control.lacking} more models that unlearned nothing are needed"
    if control is not None and control.fails:
        return NO_NULL_HERE
    return "" if effect.fraction is not None else "nothing may be claimed: it is not known how much memory there is in this format"


def noise_check(combination: Combination, groups: Groups, measure: str) -> NullCheck:
    """Whether noise is a null for the models that unlearned nothing in the format of a combination; those of an older control do not count."""
    records = [record for name in REFERENCES for record in beside(groups, combination, name)]
    found = [value_of(r, f"recovery.{measure}_noise_p").value for r in records if has_control(r, measure)]
    return null_check([p for p in found if p is not None])


def noise_checks(records: Sequence[Record], measure: str = "margin") -> list[str]:
    """A line for each data set, model and scenario and each format: whether the noise control is a null; none without noise.

    One line at most for all formats in which that could not be checked, and only if an unlearner passed the gates there, so that a claim
    could have needed it.
    """
    found: dict[tuple[tuple[str, ...], str], NullCheck] = {}
    needed: dict[str, NullCheck] = {}
    for combination, own in (groups := over_seeds(records)).items():
        place = combination.problem, combination.quantizer.label
        if not combination.rounded or not any(has_control(r, measure) for r in own):
            continue
        found.setdefault(place, noise_check(combination, groups, measure))
        if found[place].lacking and not (combination.reference or combination.control or closed_gate(own)):
            needed[place[1]] = max(needed.get(place[1], found[place]), found[place], key=lambda check: check.lacking)
    several = len({problem for problem, _ in found}) > 1
    checked = [
        f"noise control of the {measure} at {quantizer}{' of ' + ', '.join(problem) if several else ''}: {check.reason()}"
        for (problem, quantizer), check in found.items()
        if not check.lacking
    ]
    worst = max(needed.values(), key=lambda check: check.lacking, default=None)
    if worst is None:
        return checked
    return [*checked, f"noise control of the {measure} at {', '.join(needed)}: {worst.reason() if worst.models else NOT_ASKED_FOR}"]
