from typing import Any

import numpy
import pytest
from scipy import stats

from canforget.data.dataset import DataSet, Table, tables_of
from canforget.data.split import split_ids
from canforget.errors import PlanError, SpecError
from canforget.scenarios.randomized_inclusion import randomized_inclusion

TABLE = Table(numpy.repeat([0, 1, 2], [60, 30, 10]), 500 + numpy.arange(100))
NAMES = ("a", "b", "c")


def tossed(seed: Any = 0, table: Any = TABLE, **arguments: Any) -> Any:
    return randomized_inclusion(table, class_names=NAMES, rng=numpy.random.default_rng(seed), **arguments)


def pool(halves: Any) -> Any:
    return numpy.sort(numpy.concatenate([halves.inside, halves.outside])).tolist()


def test_every_image_has_its_own_fair_coin() -> None:
    """Halves of fixed size make coins depend on one another, and a bound on epsilon by a binomial is then not one."""
    halves = [tossed(seed, classes=0) for seed in range(400)]
    sizes = [len(h.inside) for h in halves]
    assert all(pool(h) == list(range(500, 560)) for h in halves)
    assert numpy.var(sizes) == pytest.approx(15, rel=0.25)
    often = numpy.bincount(numpy.concatenate([h.inside for h in halves]) - 500, minlength=60)
    assert stats.chisquare(often, numpy.full(60, 200), sum_check=False).pvalue > 0.01


def test_a_twin_turns_every_coin_and_a_draw_tosses_the_same_pool_anew() -> None:
    """Another pool, or a coin that stayed, and nothing cancels."""
    one, twin, other = (tossed(fraction=0.4, **more) for more in ({}, {"twin": True}, {"draw": 1}))
    assert one.inside.tolist() == twin.outside.tolist() and one.outside.tolist() == twin.inside.tolist()
    assert pool(one) == pool(other) and one.inside.tolist() != other.inside.tolist()
    assert numpy.bincount(TABLE.only(numpy.array(pool(one))).labels).tolist() == [24, 12, 4]


@pytest.mark.parametrize("draw", [0, 1])
def test_draws_are_independent_of_one_another(draw: Any) -> None:
    """Coins of one draw must tell nothing of the next."""
    same = [
        numpy.isin(pool(a), a.inside) == numpy.isin(pool(a), b.inside)
        for a, b in ((tossed(s, classes="a", draw=draw), tossed(s, classes="a", draw=draw + 1)) for s in range(50))
    ]
    assert numpy.mean(same) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fraction": 0.5, "count": 4}, SpecError, "only one of fraction"),
        ({"fraction": 0.0}, SpecError, "fraction=0.0: must be greater than 0"),
        ({"count": 1}, SpecError, "count=1: must be at least 2"),
        ({"count": 11, "classes": "c"}, SpecError, "at most the 10 images"),
        ({"draw": -1}, SpecError, "draw=-1: must be 0 or more"),
        ({"classes": "d"}, SpecError, "randomized_inclusion: no class 'd'"),
        ({}, PlanError, "the whole training set"),
    ],
)
def test_what_cannot_be_tossed_for_is_one_line_that_says_why(arguments: Any, error: Any, message: Any) -> None:
    """A pool that is the whole training set leaves nothing to retain."""
    with pytest.raises(error) as caught:
        tossed(**arguments)
    assert message in str(caught.value)


def test_a_pool_of_two_may_fall_on_one_side() -> None:
    """An audit needs both sides."""
    outcomes: set[str | bool] = set()
    for seed in range(20):
        try:
            tossed(seed, count=2)
            outcomes.add("both")
        except PlanError as problem:
            outcomes.add("fell on one side" in str(problem))
    assert outcomes == {"both", True}


def test_images_tossed_out_are_trained_on_by_nobody() -> None:
    """The original model trains on forget and retain: an image tossed out must be in neither."""
    data = DataSet("toy", *tables_of(TABLE.labels, TABLE.labels), NAMES, (1, 1, 1), "", pytest.fail)
    seen = []

    def choose(train: Any, rng: numpy.random.Generator, twin: Any = False) -> Any:
        halves = randomized_inclusion(train, class_names=NAMES, rng=rng, fraction=0.4, twin=twin)
        seen.append(halves)
        return halves

    ids = split_ids(data, choose, seed=3, calibration=5)
    assert ids.held_out.tolist() == seen[0].outside.tolist() and ids.forget.tolist() == seen[0].inside.tolist()
    parts = numpy.concatenate([ids.forget, ids.retain, ids.val, ids.held_out])
    assert numpy.sort(parts).tolist() == list(range(100))
    twin = split_ids(data, lambda train, rng: choose(train, rng, twin=True), seed=3, calibration=5)
    assert (twin.forget.tolist(), twin.held_out.tolist()) == (ids.held_out.tolist(), ids.forget.tolist())
    assert twin.retain.tolist() == ids.retain.tolist()
    with pytest.raises(SpecError, match="held out already"):
        split_ids(data, choose, seed=3, held_out_fraction=0.1)
