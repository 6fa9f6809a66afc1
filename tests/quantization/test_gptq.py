"""GPTQ against the slow textbook form of its algorithm, and against rounding to nearest."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from canforget.quantization.gptq import gptq, settle
from canforget.quantization.grid import Grid
from canforget.quantization.input_moments import output_errors, second_moments
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import RangeMethod
from canforget.rng import global_stream


def slow(weight: Tensor, moments: Tensor, scale: Tensor) -> Tensor:
    """Optimal brain quantization in a fixed order: after each column the inverse Hessian of those still free is computed anew."""
    weight, values = weight.double().clone(), torch.zeros_like(weight, dtype=torch.float64)
    damped = moments.double() + 0.01 * moments.double().diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
    for i in range(weight.shape[1]):
        inverse = torch.linalg.inv(damped[i:, i:])
        values[:, i] = (weight[:, i] / scale[:, i]).round().clamp(-7, 7) * scale[:, i]
        error = (weight[:, i] - values[:, i]) / inverse[0, 0]
        weight[:, i:] -= error[:, None] * inverse[0]
    return values.float()


def test_blocks_of_columns_give_what_one_column_at_a_time_gives(rng: Generator) -> None:
    """The lazy update of later blocks, and the Cholesky factor in place of the inverse."""
    x = torch.randn(100, 20, generator=rng) @ torch.randn(20, 20, generator=rng)
    weight, moments = torch.randn(4, 20, generator=rng), x.T @ x / 100
    scale = (weight.abs().amax(1, keepdim=True) / 7).expand_as(weight)
    expected = slow(weight, moments, scale)
    for block in (1, 7, 128):
        found = settle(weight.clone(), moments, scale, torch.zeros_like(weight), Grid(bits=4), 0.01, block)
        assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.Linear(24, 5), (200, 24)),
        (lambda: nn.Conv2d(4, 6, 3, groups=2), (20, 4, 6, 6)),
        (lambda: nn.Conv2d(3, 6, 3), (20, 3, 6, 6)),
    ],
)
@pytest.mark.parametrize("grid", [Grid(bits=3), Grid(bits=3, symmetric=False), Grid("nf4", 4, "per_group", 8)], ids=lambda g: g.label)
def test_the_output_is_nearer_than_with_nearest(make: Any, shape: Any, grid: Any, rng: Generator) -> None:
    """With inputs that go together; a dead input column must not spoil the inverse."""
    with global_stream(rng):
        layer = make().requires_grad_(False)
    x = torch.randn(shape, generator=rng) * 0.3 + torch.randn(shape[0], *[1] * (len(shape) - 1), generator=rng)
    x[:, 0] = 0
    moments = second_moments(layer, [x])
    errors = [
        float(output_errors(h.values() - layer.weight, moments).sum())
        for h in (gptq(layer, grid, RangeMethod(), [x]), codes_to_nearest(layer, grid, RangeMethod()))
    ]
    assert errors[0] < 0.8 * errors[1]
