"""SVG is well-formed whatever words stand in it, and series differ by more than color."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from canforget.report.drawing.svg import UNREADABLE, legend, marks, readable, series_styles, tag, words


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_words_are_only_words(text: str) -> None:
    made = tag("svg", words(text, 0, 0), tag("desc", words(text, 1, 1)), title=text)
    found = ElementTree.fromstring(made)
    assert [child.tag for child in found.iter()] == ["svg", "text", "desc", "text"]
    assert (found[0].text or "").replace("\r", "\n") == readable(text).replace("\r", "\n")
    assert not UNREADABLE.search(made)


def test_series_differ_without_color() -> None:
    assert len({(s.shape, s.dash) for s in series_styles(24)}) == 24


def test_a_legend_takes_another_line_where_it_must() -> None:
    entries = [(f"a long name {k}", style) for k, style in enumerate(series_styles(6))]
    (_, wide), (_, narrow) = legend(entries, 2000), legend(entries, 260)
    assert narrow > wide


def test_no_points_are_no_marks() -> None:
    assert marks([], series_styles(1)[0]) == ""
