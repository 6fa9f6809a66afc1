"""Relearning: accuracy on forgotten images after every step of training on a few others."""

from canforget.report.drawing.figure import Figure, Panel, axes, inner
from canforget.report.drawing.scale import Scale
from canforget.report.drawing.series import beside_references, curves_of, group_of, mean_curve, ordered_formats
from canforget.report.drawing.svg import marks, polyline, words
from canforget.report.record import Groups

SIZE = (264.0, 200.0)
UNASKED = "not recorded: canforget run STUDY --set probes=relearning"
MOST_RUNS = 18


def relearning_curves(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One panel a run (what was taught, and how many images), at full precision, mean over seeds."""
    plain = ordered_formats(groups)[0].label
    series = [s for s in beside_references(groups) if curves_of(group_of(groups, s[0], plain), "relearning")]
    runs = list(dict.fromkeys(run for s in series for c in curves_of(group_of(groups, s[0], plain), "relearning") for run in c))
    runs.sort(key=lambda run: (run.rpartition("_")[0], int(run.rpartition("_")[2])))
    if not runs:
        return [Figure("relearning_curves", "Relearning", "", problem, note=UNASKED)]
    panels, rows = [], []
    for run in runs[:MOST_RUNS]:
        found = {
            name: mean_curve(curves_of(group_of(groups, label, plain), "relearning", run), "steps", "accuracy") for label, name, _ in series
        }
        last = max((steps[-1] for steps, _ in found.values() if steps), default=1.0)
        across, up = inner(*SIZE)
        x, y = Scale(0, last, *across), Scale(0, 1, *up)
        title = run_name(run)
        content = words(title, 4, 13, "name") + axes(SIZE, x, y, ("steps", ""))
        for _, name, style in series:
            points = [(x(s), y(a)) for s, a in zip(*found[name], strict=True)]
            content += polyline(points, style) + marks(points[:: max(1, len(points) // 4)], style) if points else ""
        told = "; ".join(f"{name} {a[0]:.2f} to {a[-1]:.2f}" for name, (_, a) in found.items() if a)
        panels.append(Panel(title, f"{title}: accuracy before and after {last:g} steps: {told}", content, *SIZE))
        rows += [
            (name, title, f"{a[0]:.3f}", f"{a[min(1, len(a) - 1)]:.3f}", f"{a[len(a) // 2]:.3f}", f"{a[-1]:.3f}")
            for name, (_, a) in found.items()
            if a
        ]
    says = "Accuracy on forgotten images that are not taught, after steps of training on others; hidden memory is back in a step or two."
    entries = tuple((name, style) for _, name, style in series)
    return [
        Figure(
            "relearning_curves",
            "Relearning",
            says,
            problem,
            tuple(panels),
            entries,
            ("model", "taught", "before", "1 step", "half way", "end"),
            tuple(rows),
        )
    ]


def run_name(run: str) -> str:
    """What was taught, in words.

    >>> run_name("forget_only_10"), run_name("with_retain_0")
    ('10 forgotten images, forget only', '0 forgotten images, with retain')
    """
    mix, _, count = run.rpartition("_")
    return f"{count} forgotten image{'' if count == '1' else 's'}, {mix.replace('_', ' ')}"
