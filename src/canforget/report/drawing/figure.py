"""A figure: panels as SVG, the same in words, and its data as a table; for a page, a notebook or a file of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from canforget.report.drawing.scale import Scale, tick_label
from canforget.report.drawing.svg import SeriesStyle, escaped, legend, marks, polyline, tag, to_tenths, words
from canforget.report.record import Summary

LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 26.0, 36.0


@dataclass(frozen=True)
class Panel:
    """A part of a figure with axes of its own: its title, one sentence that says what it shows, and its elements."""

    title: str
    says: str
    content: str
    width: float = 260
    height: float = 190


@dataclass(frozen=True)
class Figure:
    """What is drawn of one data set, model and scenario: panels that share a legend, the text alternative, the data, a note.

    `shared` is drawn in every panel. A figure without panels says in its note why there is nothing to draw, and how that would be recorded.
    """

    name: str
    title: str
    says: str
    problem: tuple[str, str, str] = ("", "", "")
    panels: tuple[Panel, ...] = ()
    entries: tuple[tuple[str, SeriesStyle], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    shared: str = ""

    def _repr_html_(self) -> str:
        """The figure in a notebook."""
        return (
            f"<figure>{self.drawing()}<figcaption>{escaped(self.says)}</figcaption></figure>"
            if self.panels
            else f"<p>{escaped(self.note)}</p>"
        )

    def drawing(self, columns: int = 3) -> str:
        """One stand-alone SVG of all panels, with its own style, title and description."""
        across = min(columns, len(self.panels))
        width = max(sum(p.width for p in self.panels[k : k + across]) for k in range(0, len(self.panels), across))
        key, high = legend(self.entries, width, y=42)
        parts, top = [words(self.title, 8, 18, "title"), key], max(high, 26.0) + 6
        for k in range(0, len(self.panels), across):
            row = self.panels[k : k + across]
            lefts = [sum(p.width for p in row[:i]) for i in range(len(row))]
            parts += [
                tag("g", self.shared, p.content, transform=f"translate({to_tenths(x)},{to_tenths(top)})")
                for p, x in zip(row, lefts, strict=True)
            ]
            top += max(p.height for p in row)
        about = tag("title", escaped(self.title)) + tag("desc", escaped(self.says))
        ground = tag("rect", width="100%", height="100%", class_="ground")
        return tag(
            "svg", about, tag("style", style_sheet()), ground, *parts,
            xmlns="http://www.w3.org/2000/svg", role="img", class_="plot", viewBox=f"0 0 {to_tenths(width)} {to_tenths(top)}", width=width, height=top,
        )  # fmt: skip


def legend_markup(figure: Figure) -> str:
    """What the panels of a figure share, to stand above them in a page, as words that wrap, each with its sample."""
    samples = (
        tag("svg", polyline([(0, 7), (22, 7)], style) + marks([(11, 7)], style), class_="plot", width="22", height="14", aria_hidden="true")
        + escaped(name)
        for name, style in figure.entries
    )
    return f'<p class="legend">{"".join(f"<span>{sample}</span> " for sample in samples)}</p>'


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """The style of all figures, for light and dark."""
    return Path(__file__).with_name("figure.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def dark_style() -> str:
    """The colors of all figures on a dark ground, as declarations."""
    return Path(__file__).with_name("dark.css").read_text(encoding="utf-8").strip()


def panel_svg(panel: Panel, key: str, shared: str = "") -> str:
    """A panel as an element of a page; `key` tells its title and description from those of others, `shared` is the id of what it shares."""
    common = tag("use", href=f"#{shared}") if shared else ""
    about = tag("title", escaped(panel.title), id=f"{key}t") + tag("desc", escaped(panel.says), id=f"{key}d")
    box = f"0 0 {to_tenths(panel.width)} {to_tenths(panel.height)}"
    return tag(
        "svg", about, common, panel.content, class_="plot", role="img", aria_labelledby=f"{key}t {key}d", viewBox=box, width=panel.width, height=panel.height
    )  # fmt: skip


def inner(width: float, height: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of the two axes of a panel: left and right, bottom and top."""
    return (LEFT, width - RIGHT), (height - BOTTOM, TOP)


def axes(panel: tuple[float, float], x: Scale, y: Scale, titles: tuple[str, str], labels: Mapping[float, str] | None = None) -> str:
    """Both axes of a panel of some width and height; `labels` are the ticks of the horizontal one where it has names."""
    parts = []
    for value in y.ticks():
        at = y(value)
        parts.append(tag("path", d=f"M{to_tenths(x.start)},{to_tenths(at)}H{to_tenths(x.end)}", class_="grid"))
        parts.append(words(tick_label(value), x.start - 5, at + 4, "tick", "end"))
    return "".join(parts) + across_axis(panel, x, y.start, titles[0], labels) + (words(titles[1], 4, TOP - 1, "label") if titles[1] else "")


def across_axis(panel: tuple[float, float], x: Scale, bottom: float, title: str, labels: Mapping[float, str] | None = None) -> str:
    """The horizontal axis of a panel."""
    parts = []
    for value, name in (labels or {v: tick_label(v) for v in x.ticks()}).items():
        at = x(value)
        parts.append(tag("path", d=f"M{to_tenths(at)},{to_tenths(bottom)}v4", class_="axis"))
        parts.append(words(name, at, bottom + 15, "tick", "middle"))
    parts.append(tag("path", d=f"M{to_tenths(x.start)},{to_tenths(bottom)}H{to_tenths(x.end)}", class_="axis"))
    return "".join(parts) + words(title, (x.start + x.end) / 2, panel[1] - 4, "label", "middle")


def elided(text: str, most: int) -> str:
    """A title that fits; the whole stands in the text alternative."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def value_range(means: Sequence[Summary | None], bands: Sequence[tuple[float, float] | None]) -> list[float]:
    """The values that a scale must hold: every mean, and of bands what is not far beyond them."""
    values = [m.mean for m in means if m is not None]
    if not values:
        return []
    room = 0.25 * (max(values) - min(values)) + 0.01
    ends = [end for band in bands if band is not None for end in band]
    return [*values, *(min(max(end, min(values) - room), max(values) + room) for end in ends)]
