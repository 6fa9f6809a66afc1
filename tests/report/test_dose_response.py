"""Trends along widths and strengths, on figures whose order is known."""

from typing import Any

import pytest

from canforget.report.dose_response import alternatives, trends
from canforget.report.record import Choice, Combination

FIXED = Choice("digits", "digits", {}), Choice("tiny_cnn", "tiny_cnn", {}), Choice("whole_class", "whole_class", {})


def unlearner(label: Any, name: Any = "ssd", **parameters: Any) -> Any:
    return Choice(label, name, parameters)


def at(unlearner: Any, quantizer: Any = "float8", **parameters: Any) -> Any:
    return Combination(*FIXED, unlearner, Choice(quantizer, quantizer.partition(":")[0], parameters))


def test_an_unlearner_at_three_strengths_has_a_trend_at_each_format() -> None:
    """The figures fall as alpha grows, at one format and not at the other."""
    strengths = [unlearner(f"ssd:alpha={a}", alpha=a, lower=1.0) for a in (2.0, 5.0, 10.0)]
    falling = {at(s, "int:bits=4", bits=4): [-a, -a + 0.1, -a - 0.1, -a] for s in strengths for a in [s.parameters["alpha"]]}
    alike = {at(s): [1.0, 1.0, 1.0, 1.0] for s in strengths}
    found = trends(falling | alike)
    assert found["alpha of ssd at int:bits=4"].correlation == pytest.approx(-1.0)
    assert found["alpha of ssd at int:bits=4"].p < 0.05
    assert found["alpha of ssd at float8"].correlation == 0


def test_a_dose_equal_to_its_default_is_a_dose() -> None:
    """A label does not show a hyperparameter at its default, so that ssd at alpha 10 once vanished from the trend of its alpha."""
    responses = {
        at(unlearner(label, alpha=a, lower=1.0)): [a, a + 0.1]
        for label, a in (("ssd:alpha=2.0", 2.0), ("ssd", 10.0), ("ssd:alpha=5.0", 5.0))
    }
    assert trends(responses)["alpha of ssd at float8"].correlation == pytest.approx(1.0)


def test_two_doses_make_no_trend() -> None:
    """Any two points lie on a line."""
    assert trends({at(unlearner(f"ssd:alpha={a}", alpha=a)): [a] for a in (2.0, 5.0)}) == {}


def test_what_differs_in_two_numbers_is_no_strength() -> None:
    """It could not be said which of them it is that works."""
    assert list(alternatives([unlearner("a", alpha=1.0, gamma=1.0), unlearner("b", alpha=2.0, gamma=2.0)])) == []


def test_the_other_hyperparameters_may_be_any_if_they_agree() -> None:
    """Those that tell a trend from another of the same name stay in its name; what never differs does not."""
    rates = [
        unlearner(f"{base}{lr}", "ste", **{"base.name": base, "fit.lr": lr, "bits": 4})
        for base, lr in (("salun", 0.1), ("salun", 0.2), ("scrub", 0.3))
    ]
    ((along, by),) = alternatives(rates)
    assert along == "fit.lr of ste:base.name=salun"
    assert list(by.values()) == [0.1, 0.2]


def test_truth_values_are_no_doses() -> None:
    """true is not 1."""
    assert list(alternatives([unlearner("a", per_sample=True), unlearner("b", per_sample=False)])) == []


def test_formats_that_differ_in_more_than_bits_are_no_doses_of_one_another() -> None:
    """int4 with MSE ranges beside int8 with min-max is another rounding, not fewer bits of one."""
    widths = [("int:bits=8", 8, "minmax"), ("int:bits=4,ranges=mse", 4, "mse"), ("int:bits=3", 3, "minmax"), ("int:bits=2", 2, "minmax")]
    scrub = unlearner("scrub", "scrub")
    found = trends({at(scrub, label, bits=b, ranges=r): [float(b), b + 0.1] for label, b, r in widths})
    assert list(found) == ["bits of int:ranges=minmax, scrub"]
