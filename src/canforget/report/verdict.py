"""The verdict on a model at a format: gates (memory to lose, utility, had forgotten), then equivalence with retraining, test by test."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy

from canforget.errors import DataError
from canforget.evaluation.fieller import LEAST_SIGNAL, MemoryFraction
from canforget.evaluation.moderated import Contrast
from canforget.evaluation.power import POWER
from canforget.evaluation.statistics import holm
from canforget.report.measurement import Measurement

Word = Literal["consistent with retraining", "inconclusive", "powerless", "over-forgotten", "residual", "utility lost"]
CONSISTENT: Word = "consistent with retraining"
INCONCLUSIVE: Word = "inconclusive"
POWERLESS: Word = "powerless"
OVER_FORGOTTEN: Word = "over-forgotten"
RESIDUAL: Word = "residual"
UTILITY_LOST: Word = "utility lost"
WEAKER: tuple[Word, ...] = (CONSISTENT, POWERLESS, INCONCLUSIVE, OVER_FORGOTTEN, RESIDUAL, UTILITY_LOST)
"""From the best to the worst that can be said; the worst of all parts is said of the whole."""
FORGOTTEN = 0.25
"""The most of the memory that may be left, by its one-sided 95 % upper bound, for a model to count as having forgotten."""


CANNOT_ACQUIT = "cannot acquit"
"""Under this name the gates hold what stood aside, and what it says."""
RULED_OUT = 0.5
"""The share of the memory that a test too weak to acquit must rule out (one-sided 95 %) to let others acquit."""


@dataclass(frozen=True)
class Finding:
    """What one test says: a word, the difference from retraining (`None` where it has no error), its p after Holm, and a sentence.

    `aside`: it could have found much and found nothing, and cannot acquit at so few seeds: others decide, if there are any that can.
    """

    name: str
    word: Word
    difference: Contrast | None
    p_adjusted: float
    reason: str
    aside: bool = False


@dataclass(frozen=True)
class Verdict:
    """The weakest of the findings, never an average of them; and whether the model had forgotten (`None`: not known), with the figure."""

    word: Word
    findings: tuple[Finding, ...]
    gates: dict[str, str] = field(default_factory=dict)
    had_forgotten: bool | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of the findings that decided."""
        return tuple(f"{f.name}: {f.reason}" for f in self.findings if f.word == self.word)

    @property
    def decisive(self) -> Finding:
        """Of the findings that say the word, the one it rests on (`decisive_finding`)."""
        return decisive_finding(self.word, self.findings, tuple(self.gates))


def verdict(utility: Sequence[Measurement], tests: Sequence[Measurement], missing: Sequence[Finding] = ()) -> Verdict:
    """Judges an unlearned model at one format, gate by gate; a later gate is not asked when an earlier one fails.

    1. *Memory to lose*: original less retrained is at least three standard errors; a test without it is `powerless` and decides nothing.
    2. *Utility*: not below the retrained models' by more than the margin in any of `utility`; else `utility lost`, and nothing else is said.
    3. *Tests*: `consistent with retraining` inside the margin (two one-sided tests); else `residual` above and `over-forgotten` below where
       the difference is significant after Holm; else `inconclusive`, with the effect that could have been seen. A single model is
       consistent inside the band of one more retrained model, if that band would have seen the original. A test too noisy to acquit
       honest models at so few seeds (`acquittal`) stands aside if it rules out that half of the memory is left, and a primary test acquits.
    4. *Had forgotten*: the upper bound of the share of memory left is at most a quarter, by every test with power.

    `missing` are declared tests that could not be made: they never drop out in silence.
    """
    if not (tests or missing):
        raise DataError("verdict: no test besides utility; a model that was only useful cannot be said to have forgotten")
    gates = [utility_gate(u) for u in utility]
    lost = [g for g in gates if g.word == UTILITY_LOST]
    said = {g.name: g.reason for g in gates}
    if lost:
        return Verdict(UTILITY_LOST, tuple(lost), said)
    powerless = [f for t in tests if (f := powerless_finding(t)) is not None]
    strong = [t for t in tests if t.name not in {f.name for f in powerless}]
    findings = findings_of(strong)
    every = (*gates, *findings, *missing, *powerless)
    telling = [*gates, *decisive_findings(findings, strong), *missing] if findings or missing else [*gates, *powerless]
    forgotten, share = had_forgotten(strong)
    said |= {"memory to lose": memory_said(strong, powerless), "had forgotten": share}
    aside = "; ".join(f"{f.name}: {f.reason}" for f in findings if f.aside)
    return Verdict(weakest(f.word for f in telling), every, said | ({CANNOT_ACQUIT: aside} if aside else {}), forgotten)


def findings_of(strong: Sequence[Measurement]) -> list[Finding]:
    """What each test with power says, p adjusted for all of them; that all must acquit is shared out among them, too."""
    adjusted = holm([p_of(t) for t in strong]) if strong else ()
    return [finding(t, float(p), len(strong)) for t, p in zip(strong, adjusted, strict=True)]


def decisive_findings(findings: Sequence[Finding], strong: Sequence[Measurement]) -> list[Finding]:
    """The findings without those that stand aside, if a primary test acquits; all of them if none does."""
    primary = {t.name for t in strong if t.primary}
    acquitted = any(f.word == CONSISTENT and f.name in primary for f in findings)
    return [f for f in findings if not (f.aside and acquitted)]


def utility_gate(measure: Measurement) -> Finding:
    """Whether the model still does what it is for: not below the retrained models by more than the margin."""
    try:
        difference = measure.difference
    except DataError as problem:
        return Finding(measure.name, INCONCLUSIVE, None, 1.0, str(problem))
    said = f"{difference.estimate:+.3f} from retraining"
    if difference.lower() > -measure.margin:
        return Finding(measure.name, CONSISTENT, difference, difference.p("below"), f"utility is kept: {said}")
    if difference.upper() < -measure.margin:
        return Finding(measure.name, UTILITY_LOST, difference, difference.p("below"), f"utility is lost: {said}")
    why = f"{said}; utility may be below by more than {measure.margin:g}"
    return Finding(measure.name, INCONCLUSIVE, difference, difference.p("below"), why)


def powerless_finding(measure: Measurement) -> Finding | None:
    """That a measure cannot tell the original from retraining, and so decides nothing; `None` where it can, or where no original is known."""
    try:
        memory = measure.memory
    except DataError:
        return None
    if memory is None or memory.standard_errors >= LEAST_SIGNAL:
        return None
    why = (
        f"the original is {memory.estimate:+.3f} from retraining, {memory.standard_errors:.1f} standard errors: there was no memory to lose"
    )
    return Finding(measure.name, POWERLESS, memory, 1.0, why)


def p_of(measure: Measurement) -> float:
    """The p of a difference from retraining; 1 where there is no error to judge by."""
    try:
        return measure.difference.p()
    except DataError:
        return 1.0


def finding(measure: Measurement, p: float, family: int = 1) -> Finding:
    """What one test with power says, one of a `family` of tests."""
    try:
        found = measure.difference
    except DataError as problem:
        return Finding(measure.name, INCONCLUSIVE, None, p, str(problem))
    margin, memory = measure.within, None if measure.memory is None else measure.memory.estimate
    if found.equivalence(margin).holds:
        return Finding(measure.name, CONSISTENT, found, p, f"within {margin:.3g} of retraining")
    if p < 0.05:
        word = RESIDUAL if found.estimate > 0 else OVER_FORGOTTEN
        return Finding(measure.name, word, found, p, f"{found.estimate:+.3f} from retraining, and not shown to be within {margin:.3g}")
    seen = f"an effect of {found.detectable():.3g} could have been seen"
    if len(measure.unlearned) == 1:
        if memory is not None and found.detectable() < memory:
            return Finding(measure.name, CONSISTENT, found, p, f"{found.estimate:+.3f}, inside the band of retrained models; {seen}")
        return Finding(measure.name, INCONCLUSIVE, found, p, f"{found.estimate:+.3f} from retraining; {seen}")
    said, power = f"{found.estimate:+.3f} from retraining; {seen}", 1 - (1 - POWER) / family
    if measure.acquittal() >= power:
        return Finding(measure.name, INCONCLUSIVE, found, p, said)
    told_apart = memory is not None and found.upper() < RULED_OUT * memory
    left = f"; less than {RULED_OUT:g} of the memory is left" if told_apart else ""
    takes = f"; to be shown within {margin:.3g} takes {measure.seeds_needed(power) or 'over 100'} seeds of each"
    return Finding(measure.name, INCONCLUSIVE, found, p, f"{said}{left}{takes}", told_apart)


def had_forgotten(tests: Sequence[Measurement]) -> tuple[bool | None, str]:
    """Whether at most a quarter of the memory is left by every test, with the figure of the worst; `None` where no test can say."""
    shares: dict[str, MemoryFraction] = {}
    for test in tests:
        try:
            shares[test.name] = test.residue
        except DataError:
            continue
    if not shares:
        return None, "not known: needs two seeds of unlearned, original and retrained models, and memory to lose"
    worst = max(shares, key=lambda name: shares[name].upper)
    found = shares[worst]
    most = f"at most {found.upper:.2f}" if numpy.isfinite(found.upper) else "without an upper bound"
    return found.upper <= FORGOTTEN, f"{found.value:.2f} of the memory is left ({most}) by {worst}"


def memory_said(strong: Sequence[Measurement], powerless: Sequence[Finding]) -> str:
    """The figures of the first gate in words."""
    known = [(t.name, t.memory) for t in strong if len(t.original) and min(len(t.original), len(t.retrained)) > 1]
    there = [f"{m.estimate:+.3f} by {name}" for name, m in known if m is not None]
    return "; ".join([*there, *(f"none by {f.name}" for f in powerless)]) or "not known"


def decisive_finding(word: Word, findings: Iterable[Finding], utility: Collection[str]) -> Finding:
    """Of the findings that say a word the one of the least p: the surest accusation, the nearest to one of several acquittals.

    That a model is useful is no reason for calling it like retraining: of what says that, the gates of `utility` do not count.
    """
    said = [f for f in findings if f.word == word]
    tests = [f for f in said if word != CONSISTENT or f.name not in utility]
    return min(tests or said, key=lambda f: f.p_adjusted)


def weakest(words: Iterable[Word]) -> Word:
    """The worst of several verdicts, as of several tests.

    >>> weakest(["consistent with retraining", "residual", "inconclusive"])
    'residual'
    """
    return max(words, key=WEAKER.index)
