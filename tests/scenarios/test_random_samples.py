from typing import Any

import numpy
import pytest

from canforget.data.dataset import Table
from canforget.errors import PlanError, SpecError
from canforget.scenarios.random_samples import random_samples

TABLE = Table(numpy.array([0] * 60 + [1] * 30 + [2] * 10), 500 + numpy.arange(100))


def chosen(seed: Any = 0, **arguments: Any) -> Any:
    return random_samples(TABLE, class_names=("a", "b", "c"), rng=numpy.random.default_rng(seed), **arguments)


@pytest.mark.parametrize("arguments", [{"fraction": 0.2}, {"count": 20}])
def test_a_stratified_draw_keeps_the_proportions_of_the_classes(arguments: Any) -> None:
    """Without it a small class may go unforgotten, or wholly."""
    ids = chosen(**arguments)
    assert numpy.bincount(TABLE.only(ids).labels).tolist() == [12, 6, 2]
    assert (numpy.diff(ids) > 0).all()


def test_an_unstratified_draw_takes_every_image_with_the_same_chance() -> None:
    """The mean over many seeds is the class's share; a single draw is not held to it."""
    draws = [numpy.bincount(TABLE.only(chosen(seed, count=20, stratified=False)).labels, minlength=3) for seed in range(300)]
    assert numpy.mean(draws, axis=0) == pytest.approx([12, 6, 2], abs=0.5)
    assert len({tuple(d) for d in draws}) > 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, SpecError, "pass either fraction (in (0, 1)) or count"),
        ({"fraction": 0.1, "count": 3}, SpecError, "pass only one of fraction"),
        ({"fraction": 1.0}, SpecError, "fraction=1.0: must be greater than 0 and less than 1"),
        ({"fraction": float("nan")}, SpecError, "fraction=nan: must be"),
        ({"count": 100}, SpecError, "count=100: must be at least 1 and less than the 100 training images"),
        ({"count": 0}, SpecError, "count=0: must be at least 1"),
        ({"fraction": 0.001}, PlanError, "the forget set is empty"),
        ({"fraction": 0.999}, PlanError, "the forget set is the whole training set"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_that_says_why(arguments: Any, error: Any, message: Any) -> None:
    """A fraction of 1 leaves nothing to retain; two sizes contradict each other."""
    with pytest.raises(error) as caught:
        chosen(**arguments)
    assert message in str(caught.value)
