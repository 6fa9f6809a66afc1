from fractions import Fraction
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canforget.data.dataset import Table
from canforget.data.stratify import apportion, draw, draw_stratified, fixed_part, forgettable
from canforget.errors import PlanError

sizes_of_classes = st.lists(st.integers(0, 60), min_size=1, max_size=8).map(numpy.array)


@settings(max_examples=40)
@given(sizes_of_classes, st.data())
def test_shares_add_up_and_stay_within_one_of_their_quota_and_within_their_class(sizes: Any, data: Any) -> None:
    """Rounding each class on its own loses or gains images; rounding in floats does so on some platforms only."""
    total = data.draw(st.integers(0, int(sizes.sum())))
    shares = apportion(total, sizes)
    assert shares.sum() == total
    assert (shares <= sizes).all()
    for share, size in zip(shares.tolist(), sizes.tolist(), strict=True):
        assert abs(share - Fraction(total * size, max(int(sizes.sum()), 1))) < 1


@settings(max_examples=40)
@given(sizes_of_classes, st.integers(0, 2**32), st.data())
def test_a_stratified_draw_has_as_many_ids_as_asked_for_each_once_and_sorted(sizes: Any, seed: Any, data: Any) -> None:
    """A draw with replacement, or of positions in place of ids, passes for right while ids count from 0."""
    labels = numpy.random.default_rng(seed).permutation(numpy.repeat(numpy.arange(len(sizes)), sizes))
    table = Table(labels, 1000 + 3 * numpy.arange(len(labels)))
    count = data.draw(st.integers(0, len(labels)))
    drawn = draw_stratified(table, count, numpy.random.default_rng(seed))
    assert len(drawn) == count
    assert (numpy.diff(drawn) > 0).all()
    assert numpy.isin(drawn, table.ids).all()
    assert (numpy.bincount(table.only(drawn).labels, minlength=len(sizes)) == apportion(count, sizes)).all()


def test_every_image_of_a_class_has_its_chance() -> None:
    """Taking the first images of each class would forget whatever the file happens to begin with."""
    table = Table(numpy.zeros(10, dtype=int), numpy.arange(10))
    seen = {int(i) for seed in range(200) for i in draw(table, numpy.array([2]), numpy.random.default_rng(seed))}
    assert seen == set(range(10))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.floats(0.05, 0.9), st.randoms(use_true_random=False))
def test_a_fixed_part_does_not_depend_on_the_order_of_the_images(labels: Any, fraction: Any, random: Any) -> None:
    """A test part decided by position changes when a folder is listed in another order."""
    labels, names = numpy.array(labels), [f"image {i}" for i in range(len(labels))]
    order = list(range(len(labels)))
    random.shuffle(order)
    part = fixed_part(labels, names, fraction)
    assert part.sum() == round(fraction * len(labels))
    assert (fixed_part(labels[order], [names[i] for i in order], fraction) == part[order]).all()


def test_a_fixed_part_is_the_same_for_ever() -> None:
    """Figures quoted for a data set without a test set mean nothing once its split has moved."""
    assert numpy.flatnonzero(fixed_part(numpy.arange(20) % 2, [str(i) for i in range(20)], 0.3)).tolist() == [4, 8, 9, 10, 13, 17]


@pytest.mark.parametrize(
    ("ids", "message"),
    [([], "empty"), ([0, 1, 2], "whole training set"), ([7], "outside the training table"), ([0, 0], "twice")],
)
def test_a_forget_set_of_nobody_everybody_strangers_or_twins_is_refused(ids: Any, message: Any) -> None:
    """Each of these trains and audits without complaint, and gives numbers that mean nothing."""
    with pytest.raises(PlanError, match=message):
        forgettable(numpy.array(ids, dtype=int), Table(numpy.zeros(3, dtype=int), numpy.arange(3)), "here")
