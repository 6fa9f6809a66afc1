"""Layer by layer: how many codes an update changes, and how large it is beside the rounding error."""

from collections.abc import Sequence

from canforget.report.drawing.figure import Figure, Panel, axes, inner
from canforget.report.drawing.scale import Scale, room_around
from canforget.report.drawing.series import beside_references, curves_of, group_of, ordered_formats
from canforget.report.drawing.svg import SeriesStyle, marks, polyline, words
from canforget.report.record import Choice, Groups
from canforget.report.wording import format_name

SIZE = (340.0, 210.0)
FIGURES_OF_A_LAYER = (
    ("flip_rate_own", "codes that differ from the original's", False),
    ("signal_to_noise", "update / rounding error", True),
)
UNPROBED = "not recorded: canforget run STUDY --set probes=code_flips (symmetric integers, rounded to nearest)"


def layers(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """Two panels a format, of the first seed: the share of codes that differ, and signal to noise."""
    series = [s for s in beside_references(groups) if s[0] not in ("retrain", "nothing")]
    panels: list[Panel] = []
    rows: list[tuple[str, ...]] = []
    for quantizer in ordered_formats(groups):
        found = {name: curves for label, name, _ in series if (curves := curves_of(group_of(groups, label, quantizer.label), "layers")[:1])}
        if found:
            panels += [layer_panel(quantizer, {n: c[0] for n, c in found.items()}, series, *figure) for figure in FIGURES_OF_A_LAYER]
            rows += [
                (
                    name,
                    format_name(quantizer),
                    layer,
                    number_or_dash(v["flip_rate_own"]),
                    number_or_dash(v["signal_to_noise"]),
                    number_or_dash(v["retained_projection"]),
                )
                for name, curves in found.items()
                for layer, v in curves[0].items()
            ]
    if not panels:
        return [Figure("layers", "Layer by layer", "", problem, note=UNPROBED)]
    says = "Of each layer, input to output, of the first seed: the share of integer codes that unlearning changed, and the norm of its update over that of the rounding error."
    head = ("model", "format", "layer", "codes that differ", "update / rounding error", "update kept")
    return [Figure("layers", "Layer by layer", says, problem, tuple(panels), tuple((n, s) for _, n, s in series), head, tuple(rows))]


def layer_panel(
    quantizer: Choice,
    found: dict[str, dict[str, dict[str, float | None]]],
    series: list[tuple[str, str, SeriesStyle]],
    figure: str,
    title: str,
    log: bool,
) -> Panel:
    """One figure of every layer, a line a model."""
    names = list(next(iter(found.values())))
    values = [v for model in found.values() for layer in model.values() if (v := layer[figure]) is not None and (v > 0 or not log)]
    across, up = inner(*SIZE)
    x = Scale(-0.5, len(names) - 0.5, *across)
    y = Scale(min(values) / 1.5, max(values) * 1.5, *up, log=True) if log and values else room_around([0.0, *values], *up)
    labels = {float(k): str(k + 1) for k in range(0, len(names), max(1, len(names) // 10))}
    head = f"{format_name(quantizer)}: {title}"
    content = words(head, 4, 13, "name") + axes(SIZE, x, y, ("layer", ""), labels)
    for _, name, style in series:
        own = found.get(name, {})
        points = [(x(k), y(v)) for k, layer in enumerate(names) if (v := own.get(layer, {}).get(figure)) is not None and (v > 0 or not log)]
        content += polyline(points, style) + marks(points, style) if points else ""
    said = "; ".join(f"{name} {spread_of([layer[figure] for layer in model.values()])}" for name, model in found.items())
    return Panel(head, f"{head}: {said}", content, *SIZE)


def number_or_dash(value: float | None) -> str:
    """Three significant digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"


def spread_of(values: Sequence[float | None]) -> str:
    """The least and the most of what is known.

    >>> spread_of([0.1, None, 0.5]), spread_of([None])
    ('0.1 to 0.5', 'nothing')
    """
    known = [v for v in values if v is not None]
    return f"{min(known):.2g} to {max(known):.2g}" if known else "nothing"
