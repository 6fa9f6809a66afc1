"""Accuracy by class, before and after: which classes paid for the forgetting."""

from canforget.report.drawing.figure import Figure, Panel, across_axis, elided, inner
from canforget.report.drawing.scale import Scale
from canforget.report.drawing.series import UNDRAWN, curves_of, group_of, mean_curve, ordered_formats, references_there, unlearned_models
from canforget.report.drawing.svg import UNLEARNED, SeriesStyle, marks, tag, to_tenths, words
from canforget.report.record import Groups
from canforget.report.wording import unlearner_name

MOST_CLASSES = 12


def accuracy_by_class(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One panel an unlearner at full precision: the accuracy on the test images of each class, of many classes those that changed most."""
    plain = ordered_formats(groups)[0].label
    every: dict[str, dict[int, float]] = {}
    for label in dict.fromkeys(c.unlearner.label for c in groups):
        classes, accuracy = mean_curve(curves_of(group_of(groups, label, plain), "per_class"), "classes", "accuracy")
        if classes:
            every[label] = dict(zip(map(int, classes), accuracy, strict=True))
    own = [u for u in unlearned_models(groups) if u.label in every]
    if not own:
        return [Figure("accuracy_by_class", "Accuracy by class", "", problem, note=UNDRAWN)]
    names = names_of_classes(groups)
    references = [r for r in references_there(groups) if r[0] in every]
    panels, rows = [], []
    for unlearner in own:
        mine = every[unlearner.label]
        before = every.get("nothing", {})
        chosen = sorted(sorted(mine, key=lambda c: -abs(mine[c] - before.get(c, mine[c])))[:MOST_CLASSES])
        panels.append(
            class_panel(unlearner_name(unlearner), chosen, mine, [(every[label], style) for label, _, style in references], names)
        )
        rows += [
            (
                unlearner_name(unlearner),
                names.get(c, str(c)),
                *(f"{100 * every[label].get(c, float('nan')):.1f}" for label, _, _ in references),
                f"{100 * mine[c]:.1f}",
            )
            for c in chosen
        ]
    says = "Accuracy on the test images of each class, in %, mean over seeds, at full precision."
    if any(len(m) > MOST_CLASSES for m in every.values()):
        says += f" Of each model the {MOST_CLASSES} classes that changed most."
    entries = (*((name, style) for _, name, style in references), ("unlearned", UNLEARNED))
    head = ("model", "class", *(f"{name}, %" for _, name, _ in references), "unlearned, %")
    return [Figure("accuracy_by_class", "Accuracy by class, before and after", says, problem, tuple(panels), entries, head, tuple(rows))]


def names_of_classes(groups: Groups) -> dict[int, str]:
    """The names of classes as the records hold them."""
    found: list[object] = next((r.data["classes"] for group in groups.values() for r in group if r.data.get("classes")), [])
    return {k: str(name) for k, name in enumerate(found)}


def class_panel(
    name: str, chosen: list[int], mine: dict[int, float], references: list[tuple[dict[int, float], SeriesStyle]], names: dict[int, str]
) -> Panel:
    """One unlearner: a row a class."""
    size = (264.0, 62.0 + 17 * len(chosen))
    (_, right), (bottom, top) = inner(*size)
    x, y = Scale(0, 100, 96, right), Scale(-0.5, len(chosen) - 0.5, top, bottom)
    content = words(elided(name, 33), 4, 13, "name") + across_axis(
        size, x, bottom, "accuracy, %", {v: f"{v:g}" for v in (0.0, 50.0, 100.0)}
    )
    for place, c in enumerate(chosen):
        at = y(place)
        content += tag("path", d=f"M{to_tenths(x.start)},{to_tenths(at)}H{to_tenths(x.end)}", class_="grid") + words(
            elided(names.get(c, str(c)), 13), 90, at + 4, "tick", "end"
        )
        for values, style in references:
            content += marks([(x(100 * values[c]), at)] if c in values else [], style)
        content += marks([(x(100 * mine[c]), at)], UNLEARNED)
    said = "; ".join(f"{names.get(c, str(c))} {100 * mine[c]:.0f} %" for c in chosen)
    return Panel(name, f"{name}: {said}", content, *size)
