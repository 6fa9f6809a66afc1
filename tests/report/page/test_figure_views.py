"""Figures of a page stay within its size; what is left out keeps its data and says how to draw it."""

import pytest

from canforget.report.page import figure_views as room
from canforget.report.page.figure_views import figure_sections
from canforget.report.record import over_seeds
from tests.report.test_figure_list import whole
from tests.report.test_judgment import study


def test_a_page_that_would_be_too_large_keeps_the_data_and_says_how_to_draw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", (0, 0))
    views = [v for _, _, section in figure_sections(over_seeds(whole())) for v in section]
    assert all(
        not v.markup and v.figure.rows and v.figure.note.startswith("left out of this page for its size: canforget plot") for v in views
    )


def test_every_element_of_a_page_has_an_id_of_its_own() -> None:
    import re

    markup = "".join(v.markup for _, _, section in figure_sections(over_seeds(whole())) for v in section)
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'href="#([^"]+)"', markup)) <= set(ids)


def test_what_is_not_recorded_is_said_once() -> None:
    views = [v for _, _, section in figure_sections(over_seeds(study(2))) for v in section]
    notes = [(v.figure.name, v.figure.note) for v in views if v.figure.note]
    assert len(notes) == len(set(notes))
