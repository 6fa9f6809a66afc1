"""The line between two models ends at these models."""

from typing import Any

import pytest

import canforget
from canforget.errors import SpecError
from canforget.network.predict import predict
from canforget.probes.interpolation import between
from canforget.rng import generator

PROBE = "interpolation:pieces=4,images=60,norm_images=200"


def test_the_ends_are_the_models_as_they_are(world: Any) -> None:
    line = canforget.registry.find("probes", "interpolation").load()
    found = line(world.spare, world.split, rng=generator("a"), original=world.original, pieces=2, images=60)
    trace = found.traces["forget.accuracy"]
    asked = world.split.forget.only(world.split.forget.ids.new_tensor(trace.ids.tolist()))
    assert trace.means[-1] == pytest.approx(predict(world.original, asked).correct.mean())
    assert trace.means[0] == pytest.approx(predict(world.spare, asked).correct.mean())


def test_in_the_middle_weights_are_the_mean_and_norms_are_taken_anew(world: Any) -> None:
    middle = between(world.spare, world.original, 0.5, world.split.retain[:200])
    one, two, three = (dict(m.named_parameters()) for m in (world.spare, world.original, middle))
    assert all(three[n].detach() == pytest.approx((one[n] + two[n]).detach() / 2, abs=1e-6) for n in one)


def test_the_original_never_left_and_a_retrained_model_returns_late(world: Any) -> None:
    own, spare = (world.probe(m, PROBE) for m in (world.original, world.spare))
    assert own["interpolation.return_at"].value == 0
    assert own["interpolation.return_at_excess"].interval[1] < 0
    low, high = spare["interpolation.return_at_excess"].interval
    assert low <= 0 <= high
    assert spare["interpolation.forget.accuracy_at_1"].value == own["interpolation.forget.accuracy_at_0"].value


def test_rounded_weights_lie_on_no_line(world: Any) -> None:
    rounded = canforget.quantize(world.original, world.split, "int:bits=8")
    with pytest.raises(SpecError, match="interpolation needs float weights with their normalization, which int:bits=8 has not"):
        world.probe(rounded, PROBE)
    with pytest.raises(SpecError, match="needs the original model; pass original"):
        world.probe(world.spare, PROBE, original=None)
