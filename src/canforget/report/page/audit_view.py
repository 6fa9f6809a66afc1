"""What a page shows of a standard audit: words and cells, made by who knows the audit and laid out like the rest of the page."""

from dataclasses import dataclass

from canforget.report.answer import Answer

Rows = tuple[tuple[str, ...], ...]
QUESTION_HEAD = (
    "question", "format", "answer", "this model", "retrained", "their band", "excess", "95 % interval", "smallest seen", "p, adjusted",
    "models", "images",
)  # fmt: skip
"""The columns of the questions; the cells after the third hold numbers."""


@dataclass(frozen=True)
class AuditView:
    """An audit in the order in which it is read: the answer, what speaks against the model, what may be concluded, then the questions.

    `questions` and `changes` hold cells, `not_asked` question, formats and reason, `flags` name, whether raised, and the figure; `files` are
    role, name and hash of what it speaks of, and `facts` how it was made.
    """

    title: str
    answer: Answer
    failures: tuple[str, ...]
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    limits: tuple[str, ...]
    questions: Rows
    asks: Rows
    not_asked: Rows
    changes: Rows
    flags: tuple[tuple[str, bool, str], ...]
    threats: tuple[str, ...]
    policies: tuple[tuple[str, str], ...]
    files: Rows
    facts: tuple[tuple[str, str], ...]
