"""What was paid: residue beside retraining against retained accuracy, with the cost in images read relative to retraining."""

from collections.abc import Sequence
from dataclasses import dataclass

from canforget.report.drawing.figure import Figure, Panel, axes, inner
from canforget.report.drawing.scale import room_around
from canforget.report.drawing.series import MOST_SERIES, group_of, mean_of, mean_written, ordered_formats, unlearned_models
from canforget.report.drawing.svg import RETRAINED, SeriesStyle, marks, series_styles, tag, to_tenths, whiskers, words
from canforget.report.record import Choice, Groups, Summary
from canforget.report.wording import format_name, unlearner_name

RESIDUES = ("calibrated_membership.auc", "membership.phi")
KEPT_BY = "test_retain.accuracy"
SIZE = (340.0, 270.0)
WIDEST_COST = 42.0
"""Room that a cost takes beside its mark; where there is less on the right it stands on the left."""
UNRECORDED = (
    "cost not recorded: records made before images were counted; run the study again, and what lies in the store is not computed anew"
)


@dataclass(frozen=True)
class Paid:
    """One model in one format: how far its membership lies from retraining, what it keeps, and images read relative to retraining."""

    name: str
    residue: float
    kept: Summary
    cost: float | None
    spread: float | None


def price(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One panel a format; the dashed line joins the models that no other beats in both residue and accuracy."""
    held = {name for group in groups.values() for r in group for name, v in r.values.items() if v.value is not None}
    residue = next((r for r in RESIDUES if r in held), "")
    own = unlearned_models(groups, controls=False)
    if not residue or KEPT_BY not in held or not own:
        note = f"not recorded: needs {KEPT_BY} and a membership audit; canforget run STUDY --set audits=membership"
        return [Figure("price", "What was paid", "", problem, note=note)]
    styles = [*series_styles(min(len(own), MOST_SERIES)), *[SeriesStyle("original", "bar")] * max(0, len(own) - MOST_SERIES)]
    formats = ordered_formats(groups)
    points = {f: [paid(groups, u, f, residue) for u in own] for f in formats}
    panels = tuple(p for f in formats if (p := plane(f, points[f], styles, groups)) is not None)
    rows = [row for f in formats for row in priced_rows(f, points[f])]
    costs = any(p is not None and p.cost is not None for found in points.values() for p in found)
    says = "Accuracy on unseen images of retained classes against the distance of the membership AUC from retrained models (0: like retraining)."
    shown = [(unlearner_name(u), s) for u, s in zip(own, styles, strict=True)][:MOST_SERIES]
    return [
        Figure(
            "price", "What was paid", says + ("" if costs else f" {UNRECORDED[0].upper()}{UNRECORDED[1:]}."), problem, panels, (("retrained", RETRAINED), *shown),
            ("model", "format", "distance from retraining, AUC", "retained accuracy, %", "images read, of retraining's", "on the front"), tuple(rows),
        )
    ]  # fmt: skip


def paid(groups: Groups, unlearner: Choice, quantizer: Choice, residue: str) -> Paid | None:
    """What one model cost and kept; nothing where its membership or accuracy is not known."""
    group, retrained = (group_of(groups, label, quantizer.label) for label in (unlearner.label, "retrain"))
    own, other, kept = mean_of(group, residue), mean_of(retrained, residue), mean_of(group, KEPT_BY)
    if own is None or other is None or kept is None:
        return None
    read = [mean_of(g, lambda r: r.images_read.get("unlearn")) for g in (group, retrained)]
    cost = read[0].mean / read[1].mean if read[0] and read[1] and read[1].mean else None
    return Paid(unlearner_name(unlearner), own.mean - other.mean, kept, cost, own.half_width)


def front(points: Sequence[Paid]) -> list[Paid]:
    """The models that no other beats in both: nearer to retraining and more accurate, or as good in one and better in the other."""

    def beaten(p: Paid) -> bool:
        return any(
            abs(q.residue) <= abs(p.residue)
            and q.kept.mean >= p.kept.mean
            and (abs(q.residue), q.kept.mean) != (abs(p.residue), p.kept.mean)
            for q in points
        )

    return [p for p in points if not beaten(p)]


def plane(quantizer: Choice, points: Sequence[Paid | None], styles: Sequence[SeriesStyle], groups: Groups) -> Panel | None:
    """The panel of one format."""
    there = [(p, s) for p, s in zip(points, styles, strict=True) if p is not None]
    if not there:
        return None
    kept = mean_of(group_of(groups, "retrain", quantizer.label), KEPT_BY)
    across, up = inner(*SIZE)
    x = room_around([*(p.residue for p, _ in there), 0.0], *across, least=0.01)
    y = room_around([*(100 * p.kept.mean for p, _ in there), *([100 * kept.mean] if kept else [])], *up, least=0.5)
    content = axes(SIZE, x, y, ("membership AUC less retraining's", "retained %"))
    content += tag("path", d=f"M{to_tenths(x(0))},{to_tenths(y.start)}V{to_tenths(y.end)}", class_="chance")
    edge = sorted(front([p for p, _ in there]), key=lambda p: p.residue)
    if len(edge) > 1:
        content += tag(
            "path", d="M" + "L".join(f"{to_tenths(x(p.residue))},{to_tenths(y(100 * p.kept.mean))}" for p in edge), class_="front"
        )
    if kept:
        content += marks([(x(0), y(100 * kept.mean))], RETRAINED)
    for p, style in there:
        at = x(p.residue), y(100 * p.kept.mean)
        half = 100 * (p.kept.half_width or 0)
        content += whiskers([(at[0], y(100 * p.kept.mean - half), y(100 * p.kept.mean + half))] if half else [], style) + marks([at], style)
        if p.cost is not None:
            left = at[0] + WIDEST_COST > SIZE[0]
            content += words(f"{p.cost:.2g}×", at[0] + (-7 if left else 7), at[1] - 5, "tick", "end" if left else None)
    content = words(format_name(quantizer), 4, 13, "name") + content
    said = "; ".join(f"{p.name} {p.residue:+.3f}, {100 * p.kept.mean:.1f} %" for p, _ in there)
    return Panel(
        format_name(quantizer), f"{format_name(quantizer)}: distance from retraining and retained accuracy: {said}", content, *SIZE
    )


def priced_rows(quantizer: Choice, points: Sequence[Paid | None]) -> list[tuple[str, ...]]:
    """The data of one format."""
    there = [p for p in points if p is not None]
    best = front(there)
    return [
        (
            p.name,
            format_name(quantizer),
            f"{p.residue:+.3f}",
            mean_written(p.kept, 100),
            "–" if p.cost is None else f"{p.cost:.2g}",
            "yes" if p in best else "",
        )
        for p in there
    ]
