"""Relearning finds what was only hidden, and takes a retrained model for what it is."""

from typing import Any

import canforget

PROBE = "relearning:counts=10,steps=12,images=50,batch_size=32"


def inside(value: Any, number: float = 0.0) -> bool:
    return bool(value.interval[0] - 1e-9 <= number <= value.interval[1] + 1e-9)


def test_a_model_that_forgot_nothing_is_there_at_once(world: Any) -> None:
    found = world.probe(world.original, PROBE)
    assert found["relearning.start.accuracy"].value > 0.9
    assert found["relearning.forget_only_10.steps"].value == 0
    assert found["relearning.forget_only_10.ain"].not_run.startswith("censored: at most 0")
    excess = found["relearning.with_retain_10.accuracy_at_1_excess"]
    assert excess.value > 0.8
    assert not inside(excess)
    assert found["relearning.with_retain_10.accuracy_at_1"].value == found["relearning.with_retain_10.accuracy_at_1_original"].value


def test_one_more_retrained_model_lies_in_the_band_of_the_others(world: Any) -> None:
    found = world.probe(world.spare, PROBE)
    for name in ("start.accuracy", "forget_only_10.accuracy_at_8", "with_retain_10.accuracy_at_12"):
        assert inside(found[f"relearning.{name}_excess"]), name
    assert inside(found["relearning.blank_head_10.accuracy_at_8_excess"])


def test_a_masked_head_is_found_at_once_when_that_layer_is_blank(world: Any) -> None:
    """All that outputs can show is forgotten; what lies below the head is the original's, to the bit."""
    masked = canforget.unlearn(world.original, world.split, "head_mask")
    found = world.probe(masked, "relearning:counts=5,steps=5,images=50,mixes=blank_head")
    assert found["relearning.start.accuracy"].value == 0
    assert found["relearning.blank_head_5.accuracy_at_5"].value == found["relearning.blank_head_5.accuracy_at_5_original"].value
    assert found["relearning.blank_head_5.accuracy_at_5_excess"].interval[0] > 0
    assert found["relearning.blank_head_5.accuracy_at_2_excess"].value > 0.5


def test_an_integer_model_relearns_from_the_values_of_its_codes(world: Any) -> None:
    rounded = canforget.quantize(world.original, world.split, "int:bits=4")
    found = world.probe(rounded, "relearning:counts=10,steps=2,images=20,mixes=forget_only")
    assert found.references == "in int:bits=4"
    assert found["relearning.start.accuracy"].value > 0.8
    assert found["relearning.start.accuracy_excess"].value > 0.8


def test_counts_above_half_of_the_forget_set_say_so_and_the_cost_is_told(world: Any) -> None:
    found = world.probe(world.original, "relearning:counts=5,1000,steps=2,images=10,mixes=forget_only", retrained=())
    assert "at most half of them are taught" in found["relearning.forget_only_1000.accuracy"].not_run
    assert found["relearning.cost.trained_images"].value == 2 * 5
    assert found["relearning.cost.asked_images"].value == 10 * (1 + 3)
    assert "add seeds" in found["relearning.forget_only_5.accuracy_at_1_excess"].not_run
