"""A figure is the same in a page, a notebook and a file: panels with titles and descriptions, words, and its data."""

from xml.etree import ElementTree

from canforget.report.drawing.figure import Figure, Panel, axes, inner, panel_svg
from canforget.report.drawing.scale import Scale
from canforget.report.drawing.svg import UNLEARNED, marks

NAME = "{http://www.w3.org/2000/svg}"


def panel(title: str) -> Panel:
    across, up = inner(260, 190)
    x, y = Scale(0, 1, *across), Scale(0, 1, *up)
    return Panel(title, f"{title} says", axes((260, 190), x, y, ("x", "y")) + marks([(x(0.5), y(0.5))], UNLEARNED))


def test_a_stand_alone_drawing_has_its_style_its_words_and_every_panel() -> None:
    figure = Figure("f", "A <title>", "What it says", panels=tuple(panel(str(k)) for k in range(4)), entries=(("unlearned", UNLEARNED),))
    root = ElementTree.fromstring(figure.drawing())
    assert (root.findtext(f"{NAME}title"), root.findtext(f"{NAME}desc")) == ("A <title>", "What it says")
    assert ".plot" in (root.findtext(f"{NAME}style") or "")
    assert len(root.findall(f"{NAME}g")) == 4
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_a_panel_of_a_page_is_named_by_its_title_and_description() -> None:
    root = ElementTree.fromstring(panel_svg(panel("p"), "k"))
    assert root.get("role") == "img"
    assert [root.find(f"*[@id='{key}']") is not None for key in (root.get("aria-labelledby") or "").split()] == [True, True]


def test_in_a_notebook_a_figure_without_panels_says_why() -> None:
    assert Figure("f", "t", "s", note="not recorded: do <this>")._repr_html_() == "<p>not recorded: do &lt;this&gt;</p>"
