"""The words come before the numbers, and everything fits."""

from pathlib import Path
from typing import Any

import pytest

from canforget.report.controls import control_outcomes
from canforget.report.fit_width import WIDTH
from canforget.report.record import load_records, select
from canforget.report.terminal import terminal_text

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def records() -> Any:
    return load_records(RESULTS / "cifar10_class")


def test_the_answer_stands_before_the_table(records: Any) -> None:
    text = terminal_text(records, controls=control_outcomes(records))
    assert text.startswith("Did speed_net forget whole_class:classes=airplane of cifar10, and does it stay forgotten at int8,")
    assert text.index("Before rounding, none of 8") < text.index("model" if "  model" in text else "format      test")
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_other_columns_are_a_question_of_their_own_and_have_no_answer(records: Any) -> None:
    assert terminal_text(select(records, quantizer="none"), ["test.loss"]).startswith("cifar10 ·")


def test_a_wide_one_says_something_of_each_unlearner(records: Any) -> None:
    assert "ssd:alpha=5.0: inconclusive at float32" in terminal_text(records, wide=True)
