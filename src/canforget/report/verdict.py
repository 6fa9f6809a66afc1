"""The verdict on a model at a format: like retraining, residual, over-forgotten, or not enough to say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import NotRun, attempt
from canforget.evaluation.statistics import Equivalence, equivalence, holm
from canforget.report.record import Combination, Record, RecordedVerdict, beside, over_seeds, value_of

Word = Literal["consistent with retraining", "inconclusive", "over-forgotten", "residual"]
CONSISTENT: Word = "consistent with retraining"
INCONCLUSIVE: Word = "inconclusive"
OVER_FORGOTTEN: Word = "over-forgotten"
RESIDUAL: Word = "residual"
WEAKER: tuple[Word, ...] = (CONSISTENT, INCONCLUSIVE, OVER_FORGOTTEN, RESIDUAL)
"""From the best to the worst that can be said; the worst of all parts is said of the whole."""


@dataclass(frozen=True)
class Margins:
    """How far from retraining still counts as like it: AUC, accuracy and probe accuracy as fractions, relearning as a ratio of steps."""

    auc: float = 0.03
    accuracy: float = 0.02
    probe: float = 0.03
    relearning: tuple[float, float] = (0.8, 1.25)


@dataclass(frozen=True)
class Comparison:
    """One measure of subject and retrained models, paired by training seed; higher means remembered (or, for utility, kept)."""

    name: str
    subject: Sequence[float]
    retrained: Sequence[float]
    margin: float

    @property
    def result(self) -> Equivalence | None:
        """The test of equivalence within the margin; `None` below two seeds."""
        if len(self.subject) != len(self.retrained):
            raise DataError(f"{self.name}: {len(self.subject)} models and {len(self.retrained)} retrained ones; pair them by seed")
        return equivalence(numpy.asarray(self.subject) - numpy.asarray(self.retrained), self.margin)


@dataclass(frozen=True)
class Finding:
    """What one comparison says, its numbers (`None` below two seeds), the p of a difference after Holm, and a sentence."""

    name: str
    word: Word
    result: Equivalence | None
    p_adjusted: float
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The weakest of the findings; never an average of them."""

    word: Word
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of the findings that decided."""
        return tuple(f"{f.name}: {f.reason}" for f in self.findings if f.word == self.word)


def verdict(utility: Comparison, tests: Sequence[Comparison]) -> Verdict:
    """Judges a model by its utility gate (retain accuracy) and by equivalence with the retrained models in every test.

    The gate passes when utility is not below the retrained models' by more than the margin. A test outside its margin whose difference
    is significant after Holm is `residual` above and `over-forgotten` below; otherwise it is inconclusive, with the smallest effect that
    the seeds could have shown. All tests must be equivalent, so that equivalence itself needs no correction.
    """
    if not tests:
        raise DataError("verdict: no test besides utility; a model that was only useful cannot be said to have forgotten")
    results = [t.result for t in tests]
    adjusted = holm([1.0 if r is None else r.p_difference for r in results])
    findings = (gate(utility), *(finding(t.name, r, float(p)) for t, r, p in zip(tests, results, adjusted)))
    return Verdict(weakest(f.word for f in findings), findings)


def gate(utility: Comparison) -> Finding:
    """Whether the model still does what it is for: not below the retrained models by more than the margin."""
    result = utility.result
    if result is None:
        return Finding(utility.name, INCONCLUSIVE, None, 1.0, "fewer than two seeds")
    low, high = result.interval
    if low > -utility.margin:
        return Finding(utility.name, CONSISTENT, result, result.p_difference, "utility is kept")
    if high < -utility.margin:
        return Finding(
            utility.name, OVER_FORGOTTEN, result, result.p_difference, f"utility gate failed: {result.estimate:+.3f} from retraining"
        )
    return Finding(utility.name, INCONCLUSIVE, result, result.p_difference, f"utility may be below by more than {utility.margin:g}")


def finding(name: str, result: Equivalence | None, p: float) -> Finding:
    """What one test says."""
    if result is None:
        return Finding(name, INCONCLUSIVE, None, p, "fewer than two seeds")
    if result.holds:
        return Finding(name, CONSISTENT, result, p, f"within {result.margin:g} of retraining")
    if p < 0.05:
        word = RESIDUAL if result.estimate > 0 else OVER_FORGOTTEN
        return Finding(name, word, result, p, f"{result.estimate:+.3f} from retraining, and not shown to be within {result.margin:g}")
    return Finding(
        name, INCONCLUSIVE, result, p, f"{result.estimate:+.3f} from retraining; an effect of {result.detectable:.3f} could have been seen"
    )


def weakest(words: Iterable[Word]) -> Word:
    """The worst of several verdicts, as at full precision and at every format.

    >>> weakest(["consistent with retraining", "residual", "inconclusive"])
    'residual'
    """
    return max(words, key=WEAKER.index)


UTILITY = "retain.accuracy"


TESTS = ("forget.accuracy", "test_forget.accuracy", "membership.phi")
"""The primary family: what is answered on forgotten and on matched unseen images, and whether the two can be told apart."""


FEATURE_TESTS = ("nearest_prototype.accuracy_20_shots",)
"""What the features still hold: declared by a study that asks for this audit, or that has its value for any of its models."""


def margin_of(name: str, margins: Margins) -> float:
    """How far a value may be from the retrained models' and still count as like it."""
    return {"membership": margins.auc, "nearest_prototype": margins.probe}.get(name.partition(".")[0], margins.accuracy)


def with_verdicts(records: Sequence[Record], margins: Margins = Margins()) -> list[Record]:
    """The records, each but those of retrained and original models with the verdict over all seeds of its combination.

    It is the weakest of the findings in the record's format and, where the study has them, before rounding: what is known of a model
    at full precision does not become unknown by rounding it. A declared test that is missing is a finding, and an inconclusive one.
    """
    groups = over_seeds(records)
    declared = (*TESTS, *(test for test in FEATURE_TESTS if any(asked(test, record) for record in records)))
    found = {c: findings_of(group, beside(groups, c, "retrain"), declared, margins) for c, group in groups.items() if not c.reference}
    rulings: dict[int, RecordedVerdict] = {}
    for combination, here in found.items():
        earlier = at_full_precision(combination, found) if combination.rounded else []
        said = ruling([*here, *earlier], len(groups[combination]))
        rulings |= {id(record): said for record in groups[combination]}
    return [replace(r, verdict=rulings.get(id(r))) for r in records]


def asked(test: str, record: Record) -> bool:
    """Whether a record's study declared a test: it named the audit, or holds a value of that name."""
    audit = test.partition(".")[0]
    return test in record.values or any(call["name"] == audit for call in record.hyperparameters.get("audits", ()))


def at_full_precision(combination: Combination, found: Mapping[Combination, list[Finding]]) -> list[Finding]:
    """The findings on the same models before rounding, named so."""
    alike = [c for c in found if not c.rounded and (c.problem, c.unlearner) == (combination.problem, combination.unlearner)]
    return [replace(f, name=f"{f.name} at full precision") for c in alike for f in found[c]]


def findings_of(group: Sequence[Record], retrained: Sequence[Record], declared: Sequence[str], margins: Margins) -> list[Finding]:
    """What every declared test says of a combination, or one finding that says why none could be made."""
    others = {r.case.seed: r for r in retrained}
    for record in group:
        other = others.get(record.case.seed)
        if record.not_run or other is None or other.not_run:
            why = record.not_run or (f"the retrained model was not run: {other.not_run}" if other else "no retrained model")
            return [unknown("cases", f"seed {record.case.seed}: {why}")]
    pairs = [(record, others[record.case.seed]) for record in group]
    measured = {name: attempt(compared, name, pairs, margins) for name in (UTILITY, *declared)}
    lost = [unknown(name, why.reason) for name, why in measured.items() if isinstance(why, NotRun)]
    tests = {name: c for name, c in measured.items() if isinstance(c, Comparison)}
    utility = tests.pop(UTILITY, None)
    if utility is None or not tests:
        return lost
    return [*verdict(utility, list(tests.values())).findings, *lost]


def compared(name: str, pairs: Sequence[tuple[Record, Record]], margins: Margins) -> Comparison:
    """A value of subject and retrained models, paired by seed; raises `NotMeasurable` where some seed has none."""
    sides: tuple[list[float], list[float]] = ([], [])
    for pair in pairs:
        for record, side in zip(pair, sides, strict=True):
            found = value_of(record, name)
            if found.value is None:
                raise NotMeasurable(f"seed {record.case.seed}: {found.not_run}")
            side.append(found.value)
    return Comparison(name, *sides, margin_of(name, margins))


def unknown(name: str, why: str) -> Finding:
    """A test that could not be made."""
    return Finding(name, INCONCLUSIVE, None, 1.0, why)


def ruling(findings: Sequence[Finding], seeds: int) -> RecordedVerdict:
    """The weakest word, and of the tests that say it the most certain one."""
    whole = Verdict(weakest(f.word for f in findings), tuple(findings))
    decisive = min((f for f in findings if f.word == whole.word), key=lambda f: f.p_adjusted)
    return RecordedVerdict(whole.word, decisive.name, decisive.reason, seeds)
