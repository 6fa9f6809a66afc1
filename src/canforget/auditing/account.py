"""What an audit found, as plain data: answers, verdicts by format, flags, limits; one JSON is the record of it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from canforget.evaluation.statistics import Interval
from canforget.report.record import Record
from canforget.report.verdict import INCONCLUSIVE, Word

SCHEMA: Literal["canforget.audit/1"] = "canforget.audit/1"


@dataclass(frozen=True)
class AuditAnswer:
    """A question in a format: the subject's value, the retrained models' mean and the band of one more, and what follows.

    `difference` is beyond retraining (beyond chance where coins were tossed), with its 95 % interval; `detectable` the smallest that would
    have been found four times in five; `p_adjusted` over all questions and formats; `doubt` what the figure is not, in words.
    """

    question: str
    format: str
    measure: str
    value: float | None = None
    retrained: float | None = None
    band: Interval | None = None
    models: int = 0
    n: int | None = None
    difference: float | None = None
    interval: Interval | None = None
    detectable: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    word: Word = INCONCLUSIVE
    reason: str = ""
    not_run: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class FormatVerdict:
    """The word on one format, why, the figure of every gate in words, and whether it had forgotten (`None`: not known).

    `not_asked` are questions that need what an engine does not show.
    """

    format: str
    label: str
    word: Word
    reason: str
    gates: dict[str, str] = field(default_factory=dict)
    had_forgotten: bool | None = None
    not_asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """What rounding changed in a value, beyond what it changed in retrained models, with its 95 % interval; a figure, not a claim."""

    question: str
    format: str
    difference: float
    interval: Interval


@dataclass(frozen=True)
class Flag:
    """A reason why the audit may be wrong: whether it applies, and the figure that says so."""

    name: str
    raised: bool
    said: str


@dataclass(frozen=True)
class AuditAccount:
    """All that a standard audit says of one model, and the conditions it was made under; `whole` if every question could be asked.

    `records` hold the values and curves of every model in every format; audits of old, and those of a whole study, have none.
    """

    subject: str
    word: Word
    reason: str
    design: str
    counts: dict[str, int]
    formats: tuple[FormatVerdict, ...]
    answers: tuple[AuditAnswer, ...]
    changes: tuple[Change, ...]
    flags: tuple[Flag, ...]
    unanswered: tuple[str, ...]
    epsilon: float | None
    whole: bool
    standard: dict[str, Any]
    models: dict[str, int]
    data: dict[str, str]
    calibration: dict[str, int]
    evidence: dict[str, str]
    versions: dict[str, Any]
    seconds: float
    records: tuple[Record, ...] = field(default=(), repr=False)
    schema: Literal["canforget.audit/1"] = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """The record of the audit as JSON holds it."""
        return asdict(self)

    @property
    def raised(self) -> tuple[Flag, ...]:
        """The flags that apply."""
        return tuple(flag for flag in self.flags if flag.raised)

    @property
    def failures(self) -> tuple[AuditAnswer, ...]:
        """The answers that speak against the model, the most certain first."""
        against = [a for a in self.answers if a.word in ("residual", "over-forgotten")]
        return tuple(sorted(against, key=lambda a: (a.p_adjusted or 0.0, -abs(a.difference or 0.0))))

    def text(self) -> str:
        """A few lines in words, then the table; within 100 columns."""
        from canforget.auditing.words import account_text

        return account_text(self)
