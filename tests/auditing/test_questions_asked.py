"""Values of sheets: a number, or the reason why there is none; never a figure made up."""

import pytest

from canforget.auditing.measure import Sheet
from canforget.auditing.questions_asked import half_width, known, require_band, value
from canforget.errors import NotMeasurable

SHEET: Sheet = {
    "a.auc": {"value": 0.6, "interval": [0.5, 0.8]},
    "b.margin_excess": {"value": 0.1, "interval": [0.0, 0.4]},
    "b.margin": {"value": 2},
    "c": {"not_run": "too few images"},
}


def test_a_value_that_was_not_measured_says_why() -> None:
    assert (value(SHEET, "b.margin"), known(SHEET, "c")) == (2.0, False)
    with pytest.raises(NotMeasurable, match="too few images"):
        value(SHEET, "c.auc")
    with pytest.raises(NotMeasurable, match="not measured"):
        value(SHEET, "d")


def test_a_value_has_the_width_of_its_own_interval_or_of_its_excess() -> None:
    assert half_width(SHEET, "a.auc") == pytest.approx(0.15)
    assert half_width(SHEET, "b.margin") == pytest.approx(0.2)
    assert half_width(SHEET, "c") == 0.0


def test_two_models_make_no_band() -> None:
    with pytest.raises(NotMeasurable, match="not 2"):
        require_band([{}, {}])
