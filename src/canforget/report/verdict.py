"""The verdict on a model at a format: like retraining, residual, over-forgotten, or not enough to say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy

from canforget.errors import DataError
from canforget.evaluation.statistics import Equivalence, equivalence, holm

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
