"""The contract of scenarios holds for every member, and catches what it is there for."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
from torch import Generator

from canforget.data.split import Tossed
from canforget.errors import ContractError, SpecError
from canforget.registry import find, names
from canforget.testing.scenario import check_scenario


@pytest.fixture
def bound(tmp_path: Path) -> Any:
    """Values for hyperparameters that have no default."""
    request = tmp_path / "request.txt"
    request.write_text("0\n4\n")
    return {
        "ids": [{"file": str(request)}],
        "randomized_inclusion": [{"fraction": 0.5}, {"classes": "cat", "draw": 2, "twin": True}],
        "random_samples": [{"count": 7}, {"fraction": 0.2, "stratified": False}],
        "whole_class": [{"classes": "cat"}, {"classes": (0, "ship"), "fraction": 0.5}],
    }


@pytest.mark.parametrize("name", names("scenarios"))
def test_every_scenario_keeps_the_contract(name: Any, bound: Any) -> None:
    """A forget set that is drawn from a global stream cannot be drawn again."""
    for values in bound.get(name, [{}]):
        check_scenario(partial(find("scenarios", name).load(), **values))


def scenario(choose: Any) -> Any:
    def rule(train: Any, *, class_names: Any, rng: Generator, share: float = 0.5) -> Any:
        return choose(train, rng)

    return rule


def spoiled(train: Any, rng: Generator) -> Any:
    train.labels[:] = 0
    return train.ids[:3]


def crashing(train: Any, rng: Generator) -> None:
    raise KeyError("cat")


def refusing(train: Any, rng: Generator) -> None:
    raise SpecError("no")


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda t, rng: t.ids, "it forgets 120 of 120 images"),
        (lambda t, rng: t.ids[:0], "it forgets 0 of 120 images"),
        (lambda t, rng: t.ids[:3][::-1], "its ids are not sorted"),
        (lambda t, rng: t.ids[[0, 0, 1]], "its ids are not sorted, or name an image twice"),
        (lambda t, rng: numpy.arange(1000, 1004), "images that are not in the table"),
        (lambda t, rng: t.labels == 0, "it returned ndarray, not an array of ids"),
        (lambda t, rng: [1, 2], "it returned list, not an array of ids"),
        (lambda t, rng: numpy.sort(numpy.random.default_rng().choice(t.ids, 20, replace=False)), "gave other ids the second time"),
        (lambda t, rng: numpy.sort(numpy.random.permutation(t.ids)[:9]), "disturbed the global random state"),  # noqa: NPY002
        (spoiled, "it changed the table passed in"),
        (crashing, "it ended with KeyError"),
        (refusing, "it refuses whatever it is given: no"),
    ],
)
def test_a_broken_scenario_is_told_what_is_wrong(choose: Any, said: Any) -> None:
    """A contract that passes everything."""
    with pytest.raises(ContractError) as broken:
        check_scenario(scenario(choose))
    assert said in str(broken.value)


def test_a_hyperparameter_without_a_default_asks_for_a_value() -> None:
    with pytest.raises(ContractError, match=r"'classes' has no default; .*check_scenario\(functools.partial"):
        check_scenario(find("scenarios", "whole_class").load())


def test_an_image_tossed_both_in_and_out_is_told() -> None:
    """It would be a member and its own non-member."""
    with pytest.raises(ContractError, match="both in and out"):
        check_scenario(scenario(lambda train, rng: Tossed(train.ids[:4], train.ids[3:8])))
