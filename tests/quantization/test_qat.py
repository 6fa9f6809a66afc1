"""Steps of a grid against the formula."""

import numpy
import torch
from torch import Generator, nn

from canforget.quantization.qat import at_nearest, rounded_names, step_sizes


def test_every_output_channel_has_its_own_step(rng: Generator) -> None:
    """One step for the whole tensor is too large for most channels."""
    weight = torch.randn(5, 3, 2, 2, generator=rng)
    for bits in (3, 8):
        rows = weight.flatten(1).numpy()
        expected = numpy.abs(rows).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        numpy.testing.assert_allclose(step_sizes(weight, bits).flatten(1).numpy(), numpy.broadcast_to(expected, rows.shape), rtol=1e-6)
        numpy.testing.assert_allclose(at_nearest(weight, bits).flatten(1).numpy(), numpy.round(rows / expected) * expected, atol=1e-6)


def test_only_weights_that_are_rounded_and_may_change_are_named() -> None:
    """Norms and biases stay in float; frozen weights are nobody's to move."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2), nn.Linear(2, 2))
    net[2].weight.requires_grad_(False)
    assert rounded_names(net) == ["0.weight", "3.weight"]
