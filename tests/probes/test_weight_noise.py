"""Noise has the norm it says, and shakes every model alike."""

from typing import Any

import pytest

import canforget
from canforget.probes.weight_noise import shaken
from canforget.rng import generator
from tests.narrowed import present

PROBE = "weight_noise:sizes=0.1,0.3,draws=3,images=40"


def test_the_noise_of_a_layer_has_its_share_of_the_weights_norm(world: Any) -> None:
    (noisy,) = shaken(world.original, 0.2, 1, generator("a"))
    pairs = zip(world.original.parameters(), noisy.parameters(), strict=True)
    shares = [float((b - a).detach().norm() / a.detach().norm()) for a, b in pairs if a.ndim > 1 and a.numel() > 500]
    assert shares
    assert shares == pytest.approx([0.2] * len(shares), rel=0.1)
    assert all((a == b).all() for a, b in zip(world.original.parameters(), noisy.parameters(), strict=True) if a.ndim == 1)


def test_the_original_is_beyond_the_band_at_every_size_and_retrained_models_within(world: Any) -> None:
    """Of four retrained models, each beside the other three, one may be outside: the band holds 95 in a hundred."""
    own = world.probe(world.original, PROBE)
    for dose in ("0", "0.1"):
        assert own[f"weight_noise.forget.margin_at_{dose}_excess"].interval[0] > 0
        for kind in ("forget", "gap"):
            assert sum(world.inside(PROBE, f"{kind}.margin_at_{dose}_excess")) >= 3, (kind, dose)


def test_a_rounded_model_is_shaken_where_it_lies(world: Any) -> None:
    rounded = canforget.quantize(world.original, world.split, "int:bits=8")
    found = canforget.probe(rounded, world.split, PROBE)
    assert present(found["weight_noise.forget.accuracy_at_0"].value) > 0.9
    assert found["weight_noise.cost.asked_images"].value == 2 * min(40, len(world.split.test_forget)) * (1 + 2 * 3)
