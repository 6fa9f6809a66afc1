"""A probe receives what its signature names, and a split that cannot serve it is a reason."""

from dataclasses import replace
from typing import Any

from canforget.probing.ask import asked
from canforget.rng import generator
from canforget.spec import parse


def test_the_original_is_given_to_what_takes_it(small_model: Any, digits_split: Any) -> None:
    call = parse("probes", "interpolation:pieces=1,images=5")
    found = asked(call, small_model, digits_split, rng=generator("a"), original=small_model)
    assert found.traces["forget.accuracy"].values.shape == (2, 5)


def test_what_a_split_cannot_give_is_a_reason(small_model: Any, digits_split: Any) -> None:
    one = replace(digits_split, forget=digits_split.forget[:1])
    found = asked(parse("probes", "relearning"), small_model, one, rng=generator("a"))
    assert "1 forgotten images are too few" in found.facts["refused"]
    assert not found.traces
