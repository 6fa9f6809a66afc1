"""Codes flipped: of plain symmetric integers, in a study."""

from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.probes.code_flips import code_flips
from canforget.rng import generator
from canforget.spec import parse


def test_a_model_that_was_not_updated_flips_no_code(small_model: Any, digits_split: Any) -> None:
    found = code_flips(small_model, digits_split, rng=generator("a"), original=small_model, quantizer=parse("quantizers", "int:bits=4"))
    assert found.facts["together"]["flip_rate_own"] == 0
    assert found.facts["together"]["weights"] == sum(layer["weights"] for layer in found.facts["layers"].values()) > 0


def test_for_a_single_model_the_way_out_is_named(world: Any) -> None:
    with pytest.raises(SpecError, match="step by step; ask for it in a study"):
        world.probe(world.spare, "code_flips")
