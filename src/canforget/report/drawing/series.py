"""What figures read from records: means over seeds by format, mean curves, and which models stand beside which."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy

from canforget.report.drawing.svg import ORIGINAL, RETRAINED, SeriesStyle, series_styles
from canforget.report.record import Choice, Groups, Record, Summary, summarize
from canforget.report.table import cell
from canforget.report.wording import unlearner_name

WIDEST = 32.0
"""Bits of float32, from which all formats are rounded."""
UNDRAWN = "not recorded: records made before curves were kept; run the study again, and only the judging is computed anew"
"""What a figure says that needs curves which records of old do not hold."""
MOST_SERIES = 10
"""More unlearners than that are not told apart in one panel."""


def bits_of(choice: Choice) -> float:
    """The bits of a format: those of its name where it has no number of them.

    >>> [bits_of(Choice(label, label.partition(":")[0], {})) for label in ("none", "float8", "nf4", "bfloat16", "onnx_int8")]
    [32.0, 8.0, 4.0, 16.0, 8.0]
    """
    digits = "".join(c for c in str(choice.parameters.get("bits", choice.name)) if c.isdigit())
    return float(digits or WIDEST)


def ordered_formats(groups: Groups) -> list[Choice]:
    """All formats: float32, integers from wide to narrow, then the others."""
    every = list(dict.fromkeys(c.quantizer for c in groups))
    return sorted(every, key=lambda f: (f.name != "none", f.name != "int", -bits_of(f), f.name))


def unlearned_models(groups: Groups, controls: bool = True) -> list[Choice]:
    """Every unlearner that is no reference, controls last, in the order of the records."""
    found = {c.unlearner: c.control for c in groups if not c.reference and (controls or not c.control)}
    return sorted(found, key=lambda u: found[u])


def group_of(groups: Groups, unlearner: str, quantizer: str) -> Sequence[Record]:
    """The records of a model in a format, of groups of one problem; none where there are none."""
    like = next(iter(groups))
    return groups.get(replace(like, unlearner=Choice(unlearner, "", {}), quantizer=Choice(quantizer, "", {})), ())


def mean_of(records: Sequence[Record], value: Any) -> Summary | None:
    """A value's mean over seeds, or nothing."""
    found = summarize(records, value) if records else ""
    return found if isinstance(found, Summary) else None


def mean_written(found: Summary | None, scale: float = 1) -> str:
    """A mean with its interval, as in the table."""
    return "–" if found is None else cell(found, scale)


def references_there(groups: Groups) -> list[tuple[str, str, SeriesStyle]]:
    """The reference models that the records hold: label, name, style."""
    there = {c.unlearner.label for c in groups}
    known = (("retrain", "retrained", RETRAINED), ("nothing", "original", ORIGINAL))
    return [reference for reference in known if reference[0] in there]


def beside_references(groups: Groups) -> list[tuple[str, str, SeriesStyle]]:
    """References and unlearners as series of one panel: label, name, style; controls left out, and unlearners beyond the tenth."""
    own = unlearned_models(groups, controls=False)[:MOST_SERIES]
    return [*references_there(groups), *((u.label, unlearner_name(u), s) for u, s in zip(own, series_styles(len(own)), strict=True))]


def curves_of(records: Iterable[Record], *path: str) -> list[Any]:
    """A curve of every record that holds it."""
    found = []
    for record in records:
        curve: Any = record.curves
        for part in path:
            curve = curve.get(part, {}) if isinstance(curve, dict) else {}
        if isinstance(curve, dict) and curve and "not_run" not in curve:
            found.append(curve)
    return found


def mean_curve(curves: Sequence[Any], along: str, name: str) -> tuple[list[float], list[float]]:
    """The mean over seeds of curves at the same places; of those that lie at others only the first."""
    if not curves:
        return [], []
    same = [c[name] for c in curves if c[along] == curves[0][along]]
    return list(curves[0][along]), numpy.mean(same, axis=0).tolist()
