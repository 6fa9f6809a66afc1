"""Verdicts in records: every unlearned model at a format, beside the original and the retrained models of that format."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import NotRun, attempt
from canforget.report.measurement import Margins, Measurement
from canforget.report.record import Combination, Groups, Record, RecordedVerdict, beside, over_seeds, value_of
from canforget.report.verdict import INCONCLUSIVE, Finding, Verdict, verdict

UTILITY = ("retain.accuracy", "test_retain.accuracy")
"""What a model is for: not to be below the retrained models' on the images that were kept, nor on unseen ones of their classes."""
TESTS = ("forget.accuracy", "membership.phi")
"""The primary family: what is answered on forgotten images, and whether they can be told from unseen ones."""
CALIBRATED = "calibrated_membership.auc"
"""What stands in the place of `membership.phi` where a record has it: the same with what is hard for every model taken off."""
CLASS_TESTS = ("test_forget.accuracy", "nearest_prototype.accuracy_20_shots")
"""What is known of a class: tests of memory only where whole classes are forgotten."""


def with_verdicts(records: Sequence[Record], margins: Margins = Margins()) -> list[Record]:
    """The records, each but those of retrained and original models with the verdict over all seeds of its combination and format.

    Float32 and each format are judged apart, against references in the same format; a rounded record also holds the word at full
    precision. A declared test that is missing is a finding, and an inconclusive one.
    """
    groups = over_seeds(records)
    found = {c: verdict_of(c, groups, declared(groups, c), margins) for c in groups if not c.reference}
    rulings: dict[int, RecordedVerdict] = {}
    for combination, judged in found.items():
        before = judged if not combination.rounded else at_full_precision(combination, found)
        said = recorded(judged, before, len(groups[combination]))
        rulings |= {id(record): said for record in groups[combination]}
    return [replace(r, verdict=rulings.get(id(r))) for r in records]


def declared(groups: Groups, combination: Combination) -> tuple[str, ...]:
    """The tests that count for a combination: those of classes only where whole classes are forgotten, and features where they are kept."""
    every = [record for other, records in groups.items() if other.problem == combination.problem for record in records]
    of_classes = forgets_classes(groups, combination)
    asked = [test for test in CLASS_TESTS if of_classes and any(is_asked(test, r) for r in every)]
    membership = [CALIBRATED if test == "membership.phi" and calibrated_in(every) else test for test in TESTS]
    return (*membership, *asked)


def forgets_classes(groups: Groups, combination: Combination) -> bool:
    """Whether whole classes are forgotten, by the scenario's name or because no retrained model ever answers what is forgotten."""
    never = [value_of(r, "forget.accuracy").value for r in beside(groups, combination, "retrain")]
    return combination.scenario.name == "whole_class" or (bool(never) and not any(never))


def calibrated_in(records: Sequence[Record]) -> bool:
    """Whether a record holds the calibrated value: then it is the test, and where another model lacks it that is said."""
    return any(r.values[CALIBRATED].value is not None for r in records if CALIBRATED in r.values)


def is_asked(test: str, record: Record) -> bool:
    """Whether a record's study declared a test: it named the audit, or holds a value of that name."""
    audit = test.partition(".")[0]
    return test in record.values or any(call["name"] == audit for call in record.hyperparameters.get("audits", ()))


def margin_of(name: str, margins: Margins) -> float:
    """How far a value may be from the retrained models' and still count as like it."""
    return {"membership": margins.auc, "calibrated_membership": margins.auc, "nearest_prototype": margins.probe}.get(
        name.partition(".")[0], margins.accuracy
    )


def verdict_of(combination: Combination, groups: Groups, tests: Sequence[str], margins: Margins) -> Verdict:
    """The verdict on one combination in its format."""
    broken = next((r for r in groups[combination] if r.not_run), None)
    retrained = beside(groups, combination, "retrain")
    if broken or not retrained:
        why = f"seed {broken.case.seed}: {broken.not_run}" if broken else "no retrained model in this format"
        return Verdict(INCONCLUSIVE, (unknown("cases", why),))
    names = (*UTILITY, *tests)
    made = {name: attempt(measurement, name, combination, groups, margins) for name in names}
    missing = [unknown(name, found.reason) for name, found in made.items() if isinstance(found, NotRun)]
    there = {name: found for name, found in made.items() if isinstance(found, Measurement)}
    return verdict([there[n] for n in UTILITY if n in there], [there[n] for n in tests if n in there], missing)


def measurement(name: str, combination: Combination, groups: Groups, margins: Margins) -> Measurement:
    """A value of all models of a format, controls never among the peers; raises `NotMeasurable` where a seed of the unlearned or of the retrained models has none."""
    unlearned, retrained = (values(name, records) for records in (groups[combination], beside(groups, combination, "retrain")))
    originals = attempt(values, name, beside(groups, combination, "nothing"))
    others = [
        attempt(values, name, records)
        for c, records in groups.items()
        if c != combination and not (c.reference or c.control) and (c.problem, c.quantizer) == (combination.problem, combination.quantizer)
    ]
    peers = [found for found in others if not isinstance(found, NotRun) and len(found) > 1]
    error = max((image_error(r, name) for r in groups[combination]), default=0.0)
    known = () if isinstance(originals, NotRun) else tuple(originals)
    alone = error if len(unlearned) == 1 else 0.0
    return Measurement(name, unlearned, retrained, known, margin_of(name, margins), peers, alone, name not in CLASS_TESTS)


def values(name: str, records: Sequence[Record]) -> list[float]:
    """A value of every record; raises `NotMeasurable` where one has none."""
    found = []
    for record in records:
        known = value_of(record, name)
        if known.value is None:
            raise NotMeasurable(f"seed {record.case.seed}: {known.not_run}")
        found.append(known.value)
    return found


def image_error(record: Record, name: str) -> float:
    """Standard error of a value over the choice of images, from its recorded 95 % interval; 0 where there is none."""
    interval = value_of(record, name).interval
    return 0.0 if interval is None else (interval[1] - interval[0]) / (2 * 1.96)


def unknown(name: str, why: str) -> Finding:
    """A declared test that could not be made."""
    return Finding(name, INCONCLUSIVE, None, 1.0, why)


def at_full_precision(combination: Combination, found: Mapping[Combination, Verdict]) -> Verdict | None:
    """The verdict on the same models before rounding."""
    alike = [v for c, v in found.items() if not c.rounded and (c.problem, c.unlearner) == (combination.problem, combination.unlearner)]
    return alike[0] if alike else None


def recorded(judged: Verdict, before: Verdict | None, seeds: int) -> RecordedVerdict:
    """A verdict as a record holds it."""
    decisive = judged.decisive
    forgotten = None if before is None else before.had_forgotten
    return RecordedVerdict(
        judged.word, decisive.name, decisive.reason, seeds, "" if before is None else before.word, forgotten, dict(judged.gates)
    )
