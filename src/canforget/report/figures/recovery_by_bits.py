"""Does it come back? Each audit's figure against the bits of the format, of original, unlearned and retrained models."""

from collections.abc import Sequence
from dataclasses import dataclass

from canforget.evaluation.statistics import prediction_interval
from canforget.report.drawing.figure import Figure, Panel, axes, elided, inner, value_range
from canforget.report.drawing.scale import Scale, room_around
from canforget.report.drawing.series import bits_of, group_of, mean_of, mean_written, ordered_formats, references_there, unlearned_models
from canforget.report.drawing.svg import NOISE, UNLEARNED, SeriesStyle, area, marks, polyline, whiskers, words
from canforget.report.record import Choice, Groups, Record, Summary, value_of
from canforget.report.wording import format_name, unlearner_name

AUDITS = (
    ("forget.accuracy", "accuracy on the forget set", "accuracy"),
    ("calibrated_membership.auc", "calibrated membership, AUC", ""),
    ("membership.phi", "matched membership, AUC", "auc"),
    ("forget.margin", "margin of the true class on the forget set, nats", "margin"),
    ("recovery.margin_rounded", "margin of the true class on the forget set, nats", "margin"),
    ("test_forget.accuracy", "accuracy on unseen images of the forgotten classes", ""),
    ("nearest_prototype.accuracy_20_shots", "20-shot prototypes of the features, accuracy", ""),
    ("ridge_probe.accuracy_50_shots", "50-shot probe of the features, accuracy", ""),
)
SIZE = (264.0, 190.0)


@dataclass(frozen=True)
class FormatSeries:
    """A model's mean by format, in the order of the formats; `None` where it was not measured."""

    name: str
    means: tuple[Summary | None, ...]


def recovery_by_bits(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One figure an audit, a panel an unlearner: the retrained band, both references, the unlearned model and noise in the place of rounding."""
    formats = ordered_formats(groups)
    held = {name for group in groups.values() for r in group for name, v in r.values.items() if v.value is not None}
    audits = [a for a in AUDITS if a[0] in held and not (a[0] == "recovery.margin_rounded" and "forget.margin" in held)]
    if len(formats) < 2 or not audits or not unlearned_models(groups):
        why = "one format was recorded" if len(formats) < 2 else "no unlearned model was recorded"
        note = f"{why}; to ask whether it comes back: canforget run STUDY --quantizers none int:bits=8 int:bits=4 --set noise_draws=20"
        return [Figure("recovery_by_bits", "Does it come back?", "", problem, note=note)]
    return [audit_figure(problem, groups, formats, *audit) for audit in audits]


def audit_figure(problem: tuple[str, str, str], groups: Groups, formats: Sequence[Choice], value: str, title: str, measure: str) -> Figure:
    """The figure of one audit."""
    references = [(means_by_format(groups, label, name, formats, value), style) for label, name, style in references_there(groups)]
    own = [means_by_format(groups, u.label, unlearner_name(u), formats, value) for u in unlearned_models(groups)]
    noises = [under_noise(groups, series.name, u, formats, measure) for series, u in zip(own, unlearned_models(groups), strict=True)]
    bands = [band_at(group_of(groups, "retrain", f.label), value) for f in formats]
    across, up = inner(*SIZE)
    x = Scale(-0.5, len(formats) - 0.5, *across)
    y = room_around(value_range([s for series in (*own, *(r for r, _ in references)) for s in series.means], bands), *up)
    names = {float(k): tick_of(f) for k, f in enumerate(formats)}
    shared = axes(SIZE, x, y, ("bits (f: floating point)", ""), names) + band_drawn(bands, x, y)
    for series, style in references:
        places = drawn_places(series.means, formats, x, y, 0.0 if style.color == "retrained" else -0.16)
        shared += connected(places, formats, style) + marks([p for p in places if p], style)
    panels = tuple(panel_of(series, noise, formats, x, y) for series, noise in zip(own, noises, strict=True))
    entries = (*((series.name, style) for series, style in references), ("unlearned", UNLEARNED))
    there = any(any(n.means) for n in noises)
    rows = [
        (s.name, *(mean_written(m) for m in s.means)) for s in (*(r for r, _ in references), *own, *(n for n in noises if any(n.means)))
    ]
    says = f"{title}, by format, of {len(own)} unlearned models beside retrained and original ones; the band is where one more retrained model would lie."
    noted = "" if there else " No noise arm was recorded: canforget run STUDY --set noise_draws=20." if measure else ""
    return Figure(
        "recovery_by_bits", f"{title[0].upper()}{title[1:]}", f"{says[0].upper()}{says[1:]}{noted}", problem, panels, (*entries, *([("noise instead of rounding", NOISE)] if there else [])),
        ("model", *(format_name(f) for f in formats)), tuple(rows), shared=shared,
    )  # fmt: skip


def means_by_format(groups: Groups, label: str, name: str, formats: Sequence[Choice], value: str) -> FormatSeries:
    """A model's means."""
    return FormatSeries(name, tuple(mean_of(group_of(groups, label, f.label), value) for f in formats))


def under_noise(groups: Groups, name: str, unlearner: Choice, formats: Sequence[Choice], measure: str) -> FormatSeries:
    """The same measure with the rounding's errors dealt anew: what was rounded less what it is beside noise."""

    def level(record: Record) -> float | None:
        rounded, beside = (value_of(record, f"recovery.{measure}_{part}").value for part in ("rounded", "beside_noise"))
        return None if rounded is None or beside is None else rounded - beside

    return FormatSeries(
        f"{name}, noise", tuple(mean_of(group_of(groups, unlearner.label, f.label), level) if measure else None for f in formats)
    )


def band_at(retrained: Sequence[Record], value: str) -> tuple[float, float] | None:
    """Where one more retrained model would lie."""
    return prediction_interval([v for r in retrained if (v := value_of(r, value).value) is not None])


def tick_of(quantizer: Choice) -> str:
    """A format as a short tick.

    >>> [tick_of(Choice(label, label, {})) for label in ("none", "int8", "float8", "bfloat16", "nf4")]
    ['32', '8', 'f8', 'bf16', 'nf4']
    """
    bits = f"{bits_of(quantizer):g}"
    return bits if quantizer.name.startswith(("none", "int")) else quantizer.name.split("_")[0].replace("float", "f")


Places = list[tuple[float, float] | None]


def drawn_places(means: Sequence[Summary | None], formats: Sequence[Choice], x: Scale, y: Scale, aside: float) -> Places:
    """A point a format, a little aside so that series do not hide one another."""
    return [None if m is None else (x(k + aside), y(m.mean)) for k, m in enumerate(means)]


def connected(places: Places, formats: Sequence[Choice], style: SeriesStyle) -> str:
    """Lines along float32 and the integers, whose bits are one scale; other formats stand alone."""
    run = [p for p, f in zip(places, formats, strict=True) if p is not None and f.name in ("none", "int")]
    return polyline(run, style) if len(run) > 1 else ""


def band_drawn(bands: Sequence[tuple[float, float] | None], x: Scale, y: Scale) -> str:
    """The retrained band of every format."""
    return "".join(
        area([(x(k - 0.45), y(b[1])), (x(k + 0.45), y(b[1]))], [(x(k - 0.45), y(b[0])), (x(k + 0.45), y(b[0]))])
        for k, b in enumerate(bands)
        if b is not None
    )


def panel_of(series: FormatSeries, noise: FormatSeries, formats: Sequence[Choice], x: Scale, y: Scale) -> Panel:
    """One unlearner."""
    places = drawn_places(series.means, formats, x, y, 0.16)
    shaken = drawn_places(noise.means, formats, x, y, 0.3)
    bars = [
        (p[0], y(m.mean - m.half_width), y(m.mean + m.half_width))
        for p, m in zip(places, series.means, strict=True)
        if p and m and m.half_width
    ]
    content = words(elided(series.name, 33), 4, 13, "name") + whiskers(bars, UNLEARNED) + connected(places, formats, UNLEARNED)
    content += marks([p for p in places if p], UNLEARNED) + marks([p for p in shaken if p], NOISE)
    said = "; ".join(f"{format_name(f)} {mean_written(m)}" for f, m in zip(formats, series.means, strict=True))
    return Panel(series.name, f"{series.name}: {said}", content, *SIZE)
