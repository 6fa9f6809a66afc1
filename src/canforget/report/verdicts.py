"""Verdicts in records: an unlearned model at a format, beside models retrained with the same seeds, there and at full precision."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from canforget.report.record import Record, Ruling, over_seeds
from canforget.report.verdict import INCONCLUSIVE, Comparison, Finding, Margins, Verdict, verdict, weakest
from canforget.study.plan import REFERENCES

UTILITY = "retain.accuracy"
TESTS = ("forget.accuracy", "test_forget.accuracy", "membership.phi", "nearest_prototype.accuracy_20_shots")
"""The primary family: what is answered on forgotten and on matched unseen images, whether they can be told apart, what features hold."""
FLOAT = "none"


def margin_of(name: str, margins: Margins) -> float:
    """How far a value may be from the retrained models' and still count as like it."""
    return {"membership": margins.auc, "nearest_prototype": margins.probe}.get(name.partition(".")[0], margins.accuracy)


def with_verdicts(records: Sequence[Record], margins: Margins = Margins()) -> list[Record]:
    """The records, each but those of retrained and original models with the verdict over all seeds of its combination.

    It is the weakest of the findings in the record's format and, where the study has them, before rounding: what is known of a model
    at full precision does not become unknown by rounding it.
    """
    groups = over_seeds(records)
    found = {place: findings_of(group, retrained_of(groups, place), margins) for place, group in groups.items() if not reference(place)}
    rulings: dict[tuple[str, ...], Ruling] = {}
    for place, here in found.items():
        earlier = [] if place[4] == FLOAT else found.get((*place[:4], FLOAT), [])
        before = [replace(f, name=f"{f.name} at full precision") for f in earlier]
        rulings[place] = ruling([*here, *before], len(groups[place]))
    return [replace(r, verdict=rulings.get(place)) for place, r in placed(groups, records)]


def placed(groups: dict[tuple[str, ...], list[Record]], records: Sequence[Record]) -> Iterable[tuple[tuple[str, ...], Record]]:
    """Every record, in its order, with the place of its group."""
    places = {id(record): place for place, group in groups.items() for record in group}
    return [(places[id(record)], record) for record in records]


def reference(place: tuple[str, ...]) -> bool:
    """Whether a combination is one of the models that others are compared with."""
    return place[3].partition(":")[0] in REFERENCES


def retrained_of(groups: dict[tuple[str, ...], list[Record]], place: tuple[str, ...]) -> list[Record]:
    """The retrained models of the same data set, model, scenario and format."""
    alike = [g for p, g in groups.items() if p[3].partition(":")[0] == "retrain" and (*p[:3], p[4]) == (*place[:3], place[4])]
    return alike[0] if alike else []


def findings_of(group: Sequence[Record], retrained: Sequence[Record], margins: Margins) -> list[Finding]:
    """What every test says of a combination, or one finding that says why none could be made."""
    others = {r.case.seed: r for r in retrained}
    for record in group:
        other = others.get(record.case.seed)
        if record.not_run or other is None or other.not_run:
            why = record.not_run or (f"the retrained model was not run: {other.not_run}" if other else "no retrained model")
            return [unknown("cases", f"seed {record.case.seed}: {why}")]
    pairs = [(record, others[record.case.seed]) for record in group]
    measured = {name: compared(name, pairs, margins) for name in (UTILITY, *TESTS) if any(name in r.values for r in group)}
    lost = [unknown(name, why) for name, why in measured.items() if isinstance(why, str)]
    tests = {name: c for name, c in measured.items() if isinstance(c, Comparison)}
    utility = tests.pop(UTILITY, None)
    if utility is None or not tests:
        return lost or [unknown(UTILITY if utility is None else TESTS[0], "not measured")]
    return [*verdict(utility, list(tests.values())).findings, *lost]


def compared(name: str, pairs: Sequence[tuple[Record, Record]], margins: Margins) -> Comparison | str:
    """A value of subject and retrained models, paired by seed; or why some seed has none."""
    sides: tuple[list[float], list[float]] = ([], [])
    for pair in pairs:
        for record, side in zip(pair, sides, strict=True):
            found = record.values.get(name)
            if found is None or found.value is None:
                return f"seed {record.case.seed}: {found.not_run if found else 'not measured'}"
            side.append(found.value)
    return Comparison(name, *sides, margin_of(name, margins))


def unknown(name: str, why: str) -> Finding:
    """A test that could not be made."""
    return Finding(name, INCONCLUSIVE, None, 1.0, why)


def ruling(findings: Sequence[Finding], seeds: int) -> Ruling:
    """The weakest word, and of the tests that say it the most certain one."""
    whole = Verdict(weakest(f.word for f in findings), tuple(findings))
    decisive = min((f for f in findings if f.word == whole.word), key=lambda f: f.p_adjusted)
    return Ruling(whole.word, decisive.name, decisive.reason, seeds)
