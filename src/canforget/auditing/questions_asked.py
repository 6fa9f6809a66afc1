"""What is known for the answer to a question: the subject's value beside the references' and its p, or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy

from canforget.auditing.measure import FormatSheets, Sheet
from canforget.auditing.standard import FEWEST_RETRAINED, Question
from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import NotRun
from canforget.evaluation.moderated import Contrast
from canforget.report.measurement import Measurement


@dataclass(frozen=True, eq=False)
class Told(Measurement):
    """A measure whose difference from the null is known as such: an excess over retraining, or over chance where coins were tossed."""

    contrast: Contrast = field(default_factory=lambda: Contrast(0.0, 0.0, 1.0))
    was: Contrast | None = None

    @cached_property
    def difference(self) -> Contrast:
        """What the subject is beyond the null."""
        return self.contrast

    @cached_property
    def memory(self) -> Contrast | None:
        """What the original is beyond the null."""
        return self.was


@dataclass(frozen=True)
class Asked:
    """A question in a format with what is known for its answer: a measurement and its p, or why there is none beside the figure alone."""

    question: Question
    sheets: FormatSheets
    name: str
    measurement: Measurement | None = None
    p: float = 1.0
    not_run: str = ""


def in_scope(question: Question, sheets: FormatSheets, coins: bool, classes: bool) -> bool:
    """Whether a question belongs to such a request in such a format."""
    return {"always": True, "classes": classes, "coins": coins, "rounded": sheets.label != "none"}[question.scope]


def out_of_reach(question: Question, sheets: FormatSheets) -> bool:
    """Whether a question needs what an engine does not show: features, weights or gradients."""
    return question.white_box and bool(sheets.engine)


def ask(question: Question, sheets: FormatSheets) -> Asked:
    """What is known for an answer."""
    name = next((n for n in question.values if known(sheets.subject, n)), question.values[0])
    try:
        if question.values[0].startswith("both_versions"):
            return ask_versions(question, sheets)
        if question.kind == "exact":
            return ask_coins(question, sheets)
        require_band(sheets.retrained)
        made = Measurement(
            question.name,
            [value(sheets.subject, name)],
            [value(s, name) for s in sheets.retrained],
            [] if sheets.original is None else [value(sheets.original, name)],
            question.margin,
            image_error=half_width(sheets.subject, name) / 1.96,
        )
        return Asked(question, sheets, name, made, made.difference.p("above" if question.kind == "above" else "both"))
    except (DataError, NotMeasurable) as why:
        return Asked(question, sheets, name if known(sheets.subject, name) or name != CALIBRATED else RAW, not_run=str(why))


CALIBRATED, RAW = "calibrated_membership.auc", "membership.phi"
"""Without retrained models to calibrate by, the uncalibrated figure is shown, and nothing is concluded from it."""


def require_band(retrained: Sequence[Sheet]) -> None:
    """Raises `NotMeasurable` where there are too few retrained models for a null band."""
    if len(retrained) < FEWEST_RETRAINED:
        raise NotMeasurable(f"needs {FEWEST_RETRAINED} retrained models for a null band, not {len(retrained)}")


def ask_versions(question: Question, sheets: FormatSheets) -> Asked:
    """An attacker with two versions, whose finds count where they are more than with retrained models."""
    found = sheets.both if question.values[0] == "both_versions" else sheets.rounding
    require_band(sheets.retrained)
    if isinstance(found, NotRun):
        return Asked(question, sheets, question.values[0], not_run=found.reason)
    made = Told(question.name, [found.auc], found.retrained, margin=question.margin, contrast=found.excess)
    return Asked(question, sheets, question.values[0], made, found.excess.p("above"))


def ask_coins(question: Question, sheets: FormatSheets) -> Asked:
    """The coins of one model against chance; the p is the permutation's, which is exact."""

    def beyond_chance(sheet: Sheet) -> Contrast:
        return Contrast(value(sheet, "coin_flips.auc") - 0.5, half_width(sheet, "coin_flips.auc") / 1.96, numpy.inf)

    was = None if sheets.original is None else beyond_chance(sheets.original)
    made = Told(
        question.name, [value(sheets.subject, "coin_flips.auc")], [0.5], margin=question.margin,
        contrast=beyond_chance(sheets.subject), was=was,
    )  # fmt: skip
    return Asked(question, sheets, "coin_flips.auc", made, value(sheets.subject, "coin_flips.p"))


def known(sheet: Sheet, name: str) -> bool:
    """Whether a sheet holds a number of that name."""
    return "value" in sheet.get(name, {})


def value(sheet: Sheet, name: str) -> float:
    """A number of a sheet; raises `NotMeasurable` with the reason where there is none."""
    if not known(sheet, name):
        told = sheet.get(name) or sheet.get(name.partition(".")[0]) or {}
        raise NotMeasurable(told.get("not_run", "not measured"))
    return float(sheet[name]["value"])


def half_width(sheet: Sheet, name: str) -> float:
    """Half of a value's 95 % interval over images, or of its excess where only that has one; 0 where there is none."""
    interval = next((plain["interval"] for n in (name, f"{name}_excess") if (plain := sheet.get(n, {})).get("interval")), None)
    return (interval[1] - interval[0]) / 2 if interval else 0.0
