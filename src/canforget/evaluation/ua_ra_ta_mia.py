"""The field's columns (UA, RA, TA, MIA) of one model, and their means over the retrained models."""

from dataclasses import dataclass

import numpy

from canforget.evaluation.evidence import Evidence, Views, references_of, view_of
from canforget.evaluation.membership_scores import taken_for_unseen


@dataclass(frozen=True)
class Columns:
    """Unlearning, remaining and testing accuracy, and the share of the forget set taken for unseen: fractions in [0, 1]."""

    unlearning: float
    remaining: float
    testing: float
    membership: float | None = None


def unseen_view(evidence: Evidence) -> str:
    """The test images of the retained classes when whole classes are forgotten, else all: as in the tables of the field."""
    return "test_retain" if evidence.forgotten_classes else "test"


def columns(views: Views, outside: str, limit: int = 0) -> Columns:
    """The columns of one model; testing accuracy on `outside`; the membership column from at most `limit` images a set (0: left out)."""
    forget, retain, test = (float(view_of(views, name).correct.mean()) for name in ("forget", "retain", outside))
    return Columns(1 - forget, retain, test, taken_for_unseen(views, outside, limit) if limit else None)


def gaps(evidence: Evidence, limit: int = 0) -> Columns:
    """|subject - mean of the retrained models| in every column."""
    subject, *retrained = [columns(views, unseen_view(evidence), limit) for views in (evidence.subject, *references_of(evidence))]

    def gap(column: str) -> float:
        return abs(float(getattr(subject, column)) - float(numpy.mean([getattr(c, column) for c in retrained])))

    return Columns(gap("unlearning"), gap("remaining"), gap("testing"), gap("membership") if limit else None)
