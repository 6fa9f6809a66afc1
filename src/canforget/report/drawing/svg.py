"""SVG as text: elements whose words and attributes are escaped, and the few forms that figures are made of."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Point = tuple[float, float]


class SeriesStyle(NamedTuple):
    """How a series is told from others: by its color's class, by its shape and by its dashes, never by color alone."""

    color: str
    shape: str
    dash: str = ""


SHAPES = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "square": "M-3.5,-3.5h7v7h-7z",
    "triangle": "M0,-4.5L4.5,3.5H-4.5z",
    "diamond": "M0,-5L4.5,0L0,5L-4.5,0z",
    "down": "M0,4.5L4.5,-3.5H-4.5z",
    "bar": "M-5,-1.5h10v3h-10z",
    "cross": "M-4,-2.6L-2.6,-4L0,-1.4L2.6,-4L4,-2.6L1.4,0L4,2.6L2.6,4L0,1.4L-2.6,4L-4,2.6L-1.4,0z",
    "plus": "M-1,-4.5h2v3.5h3.5v2h-3.5v3.5h-2v-3.5h-3.5v-2h3.5z",
}
DASHES = ("", "6 3", "2 3", "8 3 2 3")
ORIGINAL = SeriesStyle("original", "square", "6 3")
RETRAINED = SeriesStyle("retrained", "circle")
UNLEARNED = SeriesStyle("c0", "triangle")
NOISE = SeriesStyle("noise", "diamond", "2 3")


def series_styles(number: int) -> list[SeriesStyle]:
    """As many styles, no two alike: colors, shapes and dashes go round at different lengths.

    >>> len(set(series_styles(24)))
    24
    """
    shapes = [s for s in SHAPES if s not in ("circle", "square")]
    return [SeriesStyle(f"c{k % 8}", shapes[k % len(shapes)], DASHES[(k // 6) % len(DASHES)]) for k in range(number)]


def escaped(words: object) -> str:
    """Words as markup holds them: nothing in them is read as markup.

    >>> escaped('<script>"a"\\x00')
    '&lt;script&gt;&quot;a&quot;'
    """
    return html.escape(readable(str(words)), quote=True)


def readable(text: str) -> str:
    """Text without the characters that XML forbids, and without marks that turn the direction of what follows them.

    >>> readable("a\\u202eb\\x00c")
    'abc'
    """
    return UNREADABLE.sub("", text)


UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def tag(name: str, *children: str, **attributes: object) -> str:
    """An element: attributes with `_` for `-` (a last one is dropped), without those that are `None`; children are markup already.

    >>> tag("text", escaped("a<b"), class_="axis", x=1.0)
    '<text class="axis" x="1">a&lt;b</text>'
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{attribute(value)}"' for key, value in attributes.items() if value is not None)
    inner = "".join(children)
    return f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>"


def attribute(value: object) -> str:
    """A value as an attribute holds it; numbers to a tenth."""
    return to_tenths(value) if isinstance(value, float) else escaped(value)


def to_tenths(value: float) -> str:
    """A length to a tenth, without a trailing zero."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def words(text: object, x: float, y: float, class_: str | None = None, anchor: str | None = None) -> str:
    """A line of text at a point."""
    return tag("text", escaped(text), x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def polyline(points: Sequence[Point], style: SeriesStyle) -> str:
    """A series as a broken line."""
    d = "M" + "L".join(f"{to_tenths(x)},{to_tenths(y)}" for x, y in points)
    return tag("path", d=d, class_=f"line {style.color}", stroke_dasharray=style.dash or None)


def marks(points: Iterable[Point], style: SeriesStyle) -> str:
    """A shape at every point of a series."""
    return "".join(
        tag("path", d=SHAPES[style.shape], class_=f"mark {style.color}", transform=f"translate({to_tenths(x)},{to_tenths(y)})")
        for x, y in points
    )


def whiskers(ends: Iterable[tuple[float, float, float]], style: SeriesStyle) -> str:
    """The interval of every point, upright: place, low end, high end."""
    return "".join(tag("path", d=f"M{to_tenths(x)},{to_tenths(a)}V{to_tenths(b)}", class_=f"whisker {style.color}") for x, a, b in ends)


def area(upper: Sequence[Point], lower: Sequence[Point], class_: str = "band") -> str:
    """What lies between two broken lines."""
    d = "M" + "L".join(f"{to_tenths(x)},{to_tenths(y)}" for x, y in (*upper, *reversed(lower)))
    return tag("path", d=f"{d}z", class_=class_)


def legend(entries: Sequence[tuple[str, SeriesStyle]], width: float, x: float = 8, y: float = 12) -> tuple[str, float]:
    """Shapes with their names, in as many lines as the width asks for; and the height that they take."""
    parts, across, down = [], x, y
    for name, style in entries:
        long = 24 + 6.4 * len(name)
        if across + long > width and across > x:
            across, down = x, down + 16
        sample = polyline([(across, down - 4), (across + 16, down - 4)], style) + marks([(across + 8, down - 4)], style)
        parts.append(sample + words(name, across + 21, down))
        across += long + 8
    return "".join(parts), down + 6 if entries else 0.0
