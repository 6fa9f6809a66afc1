"""Trends along widths and strengths, on figures whose order is known."""

import pytest

from canforget.report.dose_response import strengths, trends


def test_an_unlearner_at_three_strengths_has_a_trend_at_each_format():
    """The figures fall as alpha grows, at one format and not at the other."""
    falling = {(f"ssd:alpha={a}", "int:bits=4"): [-a, -a + 0.1, -a - 0.1, -a] for a in (2.0, 5.0, 10.0)}
    alike = {(f"ssd:alpha={a}", "float8"): [1.0, 1.0, 1.0, 1.0] for a in (2.0, 5.0, 10.0)}
    found = trends(falling | alike)
    assert found["alpha, ssd at int:bits=4"].correlation == pytest.approx(-1.0)
    assert found["alpha, ssd at int:bits=4"].p < 0.05
    assert found["alpha, ssd at float8"].correlation == 0


def test_two_doses_make_no_trend():
    """Any two points lie on a line."""
    assert trends({("ssd:alpha=2.0", "int:bits=4"): [1.0], ("ssd:alpha=5.0", "int:bits=4"): [2.0]}) == {}


def test_what_differs_in_two_numbers_is_no_strength():
    """It could not be said which of them it is that works."""
    assert strengths(["scrub:alpha=1.0,gamma=1.0", "scrub:alpha=2.0,gamma=2.0"]) == {}


def test_a_name_or_number_that_ends_or_begins_like_another_is_not_taken_for_it():
    """Cut out of the text, `a=1` would also be found in `beta=1` and in `a=10`."""
    assert strengths(["m:a=1,beta=1", "m:a=10,beta=1"]) == {"a, m:beta=1": {"m:a=1,beta=1": 1.0, "m:a=10,beta=1": 10.0}}


def test_the_other_hyperparameters_may_be_any_if_they_agree():
    """They stay in the name."""
    found = strengths(["ste:base=salun,fit.lr=0.1,bits=4", "ste:base=salun,fit.lr=0.2,bits=4", "ste:base=scrub,fit.lr=0.3,bits=4"])
    assert found == {"fit.lr, ste:base=salun,bits=4": {"ste:base=salun,fit.lr=0.1,bits=4": 0.1, "ste:base=salun,fit.lr=0.2,bits=4": 0.2}}
