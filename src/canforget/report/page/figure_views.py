"""The figures of a page, as many as its size allows: what does not fit keeps its table, and says how to draw it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from canforget.report.drawing.figure import Figure, legend_markup, panel_svg
from canforget.report.drawing.svg import tag
from canforget.report.figure_list import FIGURES, figures_named
from canforget.report.record import Groups

MOST_BYTES = (500_000, 150_000)
"""All drawings of a page together: of one that holds few cases, and of one of so many that the rest fills most of a megabyte."""
FEW_CASES = 400
SECTIONS = {
    "recovery": ("Does it come back?", ("recovery_by_bits",)),
    "paid": ("What was paid?", ("price",)),
    "closer": ("A closer look", FIGURES[2:]),
}
"""The sections of figures: their titles and members."""


@dataclass(frozen=True)
class FigureView:
    """A figure as markup: the legend and the panels; its words and data are the figure's own."""

    key: str
    figure: Figure
    markup: str


def figure_sections(groups: Groups, drawn_only: bool = False) -> list[tuple[str, str, list[FigureView]]]:
    """Key, title and figures of every section; a figure that has nothing to draw in any problem is said once, or not with `drawn_only`."""
    spent, found = 0, []
    most = MOST_BYTES[sum(map(len, groups.values())) > FEW_CASES]
    for key, (title, names) in SECTIONS.items():
        views: list[FigureView] = []
        for name in names:
            for number, figure in enumerate(said_once(figures_named(name, groups))):
                markup = markup_of(figure, f"{name}{number}")
                if spent + len(markup) > most:
                    figure, markup = left_out(figure), ""
                spent += len(markup)
                views.append(FigureView(f"{name}{number}", figure, markup))
        found.append((key, title, [v for v in views if v.figure.rows or not drawn_only]))
    return [section for section in found if section[2]]


def said_once(figures: Sequence[Figure]) -> list[Figure]:
    """The figures; of those that say only why there are none, each reason once, without its problem."""
    notes = dict.fromkeys((f.name, f.note) for f in figures if not f.panels)
    bare = [replace(next(f for f in figures if (f.name, f.note) == note), problem=("", "", "")) for note in notes]
    return [*(f for f in figures if f.panels), *bare]


def left_out(figure: Figure) -> Figure:
    """A figure without its panels, which says how to draw it."""
    return replace(
        figure, panels=(), note=f"left out of this page for its size: canforget plot RECORDS --figure {figure.name} -o {figure.name}.svg"
    )


def markup_of(figure: Figure, key: str) -> str:
    """The legend and all panels of a figure."""
    if not figure.panels:
        return ""
    shared = (
        tag("svg", tag("g", figure.shared, id=f"{key}s"), class_="plot", width="0", height="0", aria_hidden="true") if figure.shared else ""
    )
    panels = "".join(panel_svg(p, f"{key}p{k}", f"{key}s" if figure.shared else "") for k, p in enumerate(figure.panels))
    return f'{shared}{legend_markup(figure)}<div class="panels">{panels}</div>'
