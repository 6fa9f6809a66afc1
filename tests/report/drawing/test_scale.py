"""Scales keep the order of values and hold what lies outside; ticks are round and lie inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.report.drawing.scale import Scale, room_around, tick_label

numbers = st.floats(-1e6, 1e6)


@given(numbers, numbers, numbers, numbers)
def test_order_is_kept_and_ends_are_held(low: float, high: float, one: float, other: float) -> None:
    scale = Scale(min(low, high), max(low, high), 10, 90)
    assert 10 <= scale(one) <= 90
    assert (scale(one) <= scale(other)) or one > other


@given(st.lists(numbers, min_size=1, max_size=6))
def test_ticks_are_few_and_inside(values: list[float]) -> None:
    scale = room_around(values, 0, 100)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(scale.low - 1e-6 * abs(scale.low) <= t <= scale.high + 1e-6 * abs(scale.high) for t in ticks)


@pytest.mark.parametrize(("low", "high", "ticks"), [(1e-3, 1, [1e-3, 1e-2, 1e-1, 1]), (10, 1e6, [10, 1e3, 1e5])])
def test_powers_of_ten_on_a_logarithmic_scale(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 1, log=True).ticks() == pytest.approx(ticks)


def test_labels_of_neighbors_differ() -> None:
    ticks = Scale(0.512, 0.531, 0, 1).ticks()
    assert len({tick_label(t) for t in ticks}) == len(ticks) > 1
