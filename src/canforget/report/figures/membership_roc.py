"""Membership ROC on logarithmic scales: how many of the forget set are told at how few false alarms."""

from canforget.report.drawing.figure import Figure, Panel, axes, inner
from canforget.report.drawing.scale import Scale
from canforget.report.drawing.series import UNDRAWN, beside_references, curves_of, group_of, mean_curve, ordered_formats
from canforget.report.drawing.svg import SeriesStyle, marks, polyline, tag, to_tenths, words
from canforget.report.record import Choice, Groups
from canforget.report.wording import format_name

SIZE = (300.0, 260.0)
RATES = (0.01, 0.1, 0.5)


def membership_roc(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One panel a format, mean over seeds: the calibrated attack where it could be made, else the matched one."""
    every = [r for group in groups.values() for r in group]
    kind = "calibrated" if curves_of(every, "roc", "calibrated") else "matched"
    if not curves_of(every, "roc", kind):
        return [Figure("membership_roc", "Membership at few false alarms", "", problem, note=UNDRAWN)]
    series = beside_references(groups)
    panels, rows = [], []
    for quantizer in ordered_formats(groups):
        found = {
            name: mean_curve(curves_of(group_of(groups, label, quantizer.label), "roc", kind), "fpr", "tpr") for label, name, _ in series
        }
        if any(f for f, _ in found.values()):
            panels.append(roc_panel(quantizer, found, [(name, style) for _, name, style in series]))
            rows += [
                (name, format_name(quantizer), *(f"{at_rate(f, t, rate):.3f}" for rate in RATES)) for name, (f, t) in found.items() if f
            ]
    says = f"Share of the forget set that a {kind} membership attack tells (mean over seeds) against its false alarms; the dashed line tells nothing."
    head = ("model", "format", *(f"at {100 * rate:g} % false alarms" for rate in RATES))
    entries = tuple((name, style) for _, name, style in series)
    return [Figure("membership_roc", "Membership at few false alarms", says, problem, tuple(panels), entries, head, tuple(rows))]


def roc_panel(quantizer: Choice, found: dict[str, tuple[list[float], list[float]]], series: list[tuple[str, SeriesStyle]]) -> Panel:
    """The panel of one format."""
    least = min(rate for rates, _ in found.values() for rate in rates if rate > 0)
    across, up = inner(*SIZE)
    x, y = Scale(least, 1, *across, log=True), Scale(least, 1, *up, log=True)
    content = words(format_name(quantizer), 4, 13, "name") + axes(SIZE, x, y, ("false alarms", ""))
    content += tag("path", d=f"M{to_tenths(x(least))},{to_tenths(y(least))}L{to_tenths(x(1))},{to_tenths(y(1))}", class_="chance")
    for name, style in series:
        points = [(x(f), y(t)) for f, t in zip(*found[name], strict=True) if f > 0]
        content += polyline(points, style) + marks(points[:: max(1, len(points) // 4)], style) if points else ""
    told = "; ".join(f"{name} {at_rate(f, t, 0.01):.3f}" for name, (f, t) in found.items() if f)
    return Panel(format_name(quantizer), f"{format_name(quantizer)}: told at 1 % false alarms: {told}", content, *SIZE)


def at_rate(rates: list[float], told: list[float], rate: float) -> float:
    """What is told at the largest recorded rate of false alarms that is not above a rate.

    >>> at_rate([0.0, 0.1, 1.0], [0.0, 0.3, 1.0], 0.5)
    0.3
    """
    return [t for f, t in zip(rates, told, strict=True) if f <= rate + 1e-12][-1]
