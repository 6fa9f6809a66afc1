"""The verdict on a model at a format: gates (memory to lose, utility, had forgotten), then equivalence with retraining, test by test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy

from canforget.errors import DataError
from canforget.evaluation.fieller import LEAST_SIGNAL, MemoryFraction, residue_fraction
from canforget.evaluation.moderated import Contrast, ModelMean, combined, equivalence_margin, model_means, one_against_band
from canforget.evaluation.statistics import holm

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
FEWEST_RETRAINED = 3
"""Retrained models without which a single model cannot be judged: fewer give no band."""


@dataclass(frozen=True)
class Margins:
    """How far from retraining still counts as like it: AUC, accuracy and probe accuracy as fractions, relearning as a ratio of steps.

    Never more than a quarter of the memory that there was, in the same format (`equivalence_margin`).
    """

    auc: float = 0.03
    accuracy: float = 0.02
    probe: float = 0.03
    relearning: tuple[float, float] = (0.8, 1.25)


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measure of the models of a format, a value a model (training seed); higher means remembered, or for utility kept.

    `margin` is the default one. `peers` are the values of other unlearners, whose variances over seeds are pooled with these.
    `image_error` is the standard error of one model's value over the choice of images.
    """

    name: str
    unlearned: Sequence[float]
    retrained: Sequence[float]
    original: Sequence[float] = ()
    margin: float = 0.03
    peers: Sequence[Sequence[float]] = ()
    image_error: float = 0.0

    @cached_property
    def means(self) -> tuple[ModelMean, ...]:
        """Means of unlearned, retrained and (where there are any) original models, variances moderated over all groups."""
        groups = [self.unlearned, self.retrained, *([self.original] if len(self.original) else []), *self.peers]
        return model_means(groups, self.image_error**2)

    @cached_property
    def difference(self) -> Contrast:
        """Unlearned less retrained; of a single model with the error of one more retrained one."""
        return self.against_retrained(self.unlearned, 0)

    @cached_property
    def memory(self) -> Contrast | None:
        """Original less retrained: what there was to lose; `None` without original models."""
        return self.against_retrained(self.original, 2) if len(self.original) else None

    def against_retrained(self, models: Sequence[float], place: int) -> Contrast:
        """Some models less the retrained ones; raises `DataError` where there are too few to know an error."""
        if len(models) == 1 and len(self.retrained) >= FEWEST_RETRAINED:
            return one_against_band(models[0], self.retrained, self.image_error)
        if min(len(models), len(self.retrained)) < 2:
            raise DataError(f"needs two seeds, or one model against {FEWEST_RETRAINED} retrained ones")
        return combined([(1, self.means[place]), (-1, self.means[1])])

    @property
    def residue(self) -> MemoryFraction:
        """The share of the memory that is left; raises `DataError` where it cannot be had."""
        if min(len(self.unlearned), len(self.retrained), len(self.original)) < 2:
            raise DataError("needs two seeds of unlearned, original and retrained models")
        unlearned, retrained, original = self.means[:3]
        return residue_fraction(unlearned, original, retrained)


@dataclass(frozen=True)
class Finding:
    """What one test says: a word, the difference from retraining (`None` where it has no error), its p after Holm, and a sentence."""

    name: str
    word: Word
    difference: Contrast | None
    p_adjusted: float
    reason: str


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
        """Of the findings that say the word, the most certain one."""
        return min((f for f in self.findings if f.word == self.word), key=lambda f: f.p_adjusted)


def verdict(utility: Sequence[Measurement], tests: Sequence[Measurement], missing: Sequence[Finding] = ()) -> Verdict:
    """Judges an unlearned model at one format, gate by gate; a later gate is not asked when an earlier one fails.

    1. *Memory to lose*: original less retrained is at least three standard errors; a test without it is `powerless` and decides nothing.
    2. *Utility*: not below the retrained models' by more than the margin in any of `utility`; else `utility lost`, and nothing else is said.
    3. *Tests*: `consistent with retraining` inside the margin (two one-sided tests); else `residual` above and `over-forgotten` below where
       the difference is significant after Holm; else `inconclusive`, with the effect that could have been seen. A single model is
       consistent inside the band of one more retrained model, if that band would have seen the original.
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
    adjusted = holm([p_of(t) for t in strong]) if strong else ()
    findings = [finding(t, float(p)) for t, p in zip(strong, adjusted, strict=True)]
    every = (*gates, *findings, *missing, *powerless)
    telling = [*gates, *findings, *missing] if findings or missing else [*gates, *powerless]
    forgotten, share = had_forgotten(strong)
    said |= {"memory to lose": memory_said(strong, powerless), "had forgotten": share}
    return Verdict(weakest(f.word for f in telling), every, said, forgotten)


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


def finding(measure: Measurement, p: float) -> Finding:
    """What one test with power says."""
    try:
        found = measure.difference
    except DataError as problem:
        return Finding(measure.name, INCONCLUSIVE, None, p, str(problem))
    memory = None if measure.memory is None else measure.memory.estimate
    margin = measure.margin if memory is None else equivalence_margin(measure.margin, memory)
    if found.equivalence(margin).holds:
        return Finding(measure.name, CONSISTENT, found, p, f"within {margin:.3g} of retraining")
    if p < 0.05:
        word = RESIDUAL if found.estimate > 0 else OVER_FORGOTTEN
        return Finding(measure.name, word, found, p, f"{found.estimate:+.3f} from retraining, and not shown to be within {margin:.3g}")
    seen = f"an effect of {found.detectable():.3g} could have been seen"
    if len(measure.unlearned) == 1 and memory is not None and found.detectable() < memory:
        return Finding(measure.name, CONSISTENT, found, p, f"{found.estimate:+.3f}, inside the band of retrained models; {seen}")
    return Finding(measure.name, INCONCLUSIVE, found, p, f"{found.estimate:+.3f} from retraining; {seen}")


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


def weakest(words: Iterable[Word]) -> Word:
    """The worst of several verdicts, as of several tests.

    >>> weakest(["consistent with retraining", "residual", "inconclusive"])
    'residual'
    """
    return max(words, key=WEAKER.index)
