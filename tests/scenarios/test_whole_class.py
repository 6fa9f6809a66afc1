from typing import Any

import numpy
import pytest

from canforget.data.dataset import Table
from canforget.errors import PlanError, SpecError
from canforget.scenarios.whole_class import whole_class

NAMES = ("airplane", "cat", "7")
TABLE = Table(numpy.array([0, 1, 2] * 10), 100 + numpy.arange(30))


def chosen(**arguments: Any) -> Any:
    ids = whole_class(TABLE, class_names=NAMES, rng=numpy.random.default_rng(0), **arguments)
    return numpy.bincount(TABLE.only(ids).labels, minlength=3).tolist()


@pytest.mark.parametrize(
    ("classes", "counts"),
    [
        ("cat", [0, 10, 0]),
        (1, [0, 10, 0]),
        ("1", [0, 10, 0]),
        ("7", [0, 0, 10]),
        (("cat", 0), [10, 10, 0]),
        (["cat", "cat"], [0, 10, 0]),
    ],
)
def test_classes_are_named_by_word_or_number_one_or_several(classes: Any, counts: Any) -> None:
    """A class whose name is a number goes by its name; a flag's value is always a word."""
    assert chosen(classes=classes) == counts


def test_a_fraction_takes_that_part_of_each_class() -> None:
    """A fraction of the union would leave the classes unequal."""
    assert chosen(classes=("airplane", "cat"), fraction=0.3) == [3, 3, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"classes": "airplan"}, SpecError, "no class 'airplan'; did you mean 'airplane'?"),
        ({"classes": 3}, SpecError, "no class '3'; pass a number from 0 to 2"),
        ({"classes": -1}, SpecError, "no class '-1'; pass a number from 0 to 2"),
        ({"classes": "cat", "fraction": 0.0}, SpecError, "fraction=0.0: must be greater than 0 and at most 1"),
        ({"classes": "cat", "fraction": 10}, SpecError, "fraction=10: must be"),
        ({"classes": "cat", "fraction": 0.01}, PlanError, "the forget set is empty"),
        ({"classes": ()}, PlanError, "the forget set is empty"),
        ({"classes": (0, 1, 2)}, PlanError, "the forget set is the whole training set (30 images)"),
    ],
)
def test_what_cannot_be_forgotten_is_one_line_that_says_why(arguments: Any, error: Any, message: Any) -> None:
    """-1 would be the last class, 10 every image, and nothing at all a perfect score."""
    with pytest.raises(error) as caught:
        chosen(**arguments)
    assert message in str(caught.value)
