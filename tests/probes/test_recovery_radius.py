"""The radius is nothing where the label is said, and the nearness 0 of a model that never knew."""

from typing import Any

import pytest

import canforget
from tests.narrowed import present

PROBE = "recovery_radius:images=16,most=0.6,steps=8,searches=5"


def test_the_original_says_the_labels_without_a_change_and_so_is_near(world: Any) -> None:
    found = world.probe(world.original, PROBE)
    assert found["recovery_radius.forget.median_radius"].value == 0
    assert found["recovery_radius.forget.censored"].value == 0
    assert found["recovery_radius.forget.radius_excess"].interval[1] < 0, "far below what retrained models need"
    assert found["recovery_radius.cost.attacked_images"].value >= 32


def test_one_more_retrained_model_lies_in_the_band_of_the_others(world: Any) -> None:
    found = world.probe(world.spare, PROBE)
    low, high = found["recovery_radius.nearness_excess"].interval
    assert low <= 0 <= high
    assert found["recovery_radius.forget.median_radius"].not_run == "censored: at least 0.6", "who never knew a label is far from it"


def test_an_integer_model_is_attacked_through_its_rounding(world: Any) -> None:
    """Without a gradient through the rounding of activations nothing would be found, and all would be censored."""
    rounded = canforget.quantize(world.spare, world.split, "int:bits=8")
    found = canforget.probe(rounded, world.split, PROBE)
    plain = canforget.probe(world.spare, world.split, PROBE)
    names = "recovery_radius.forget.radius", "recovery_radius.unseen.radius"
    assert all(present(found[n].value) == pytest.approx(present(plain[n].value), abs=0.05) for n in names)
