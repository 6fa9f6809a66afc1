"""HQQ lowers the error that it says it lowers."""

from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.errors import SpecError
from canforget.quantization.grid import Grid, blocked
from canforget.quantization.hqq import distance, hqq
from canforget.quantization.layer import codes_to_nearest
from canforget.quantization.ranges import RangeMethod
from tests.narrowed import present


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_error_in_the_norm_that_forgives_outliers_falls(bits: Any, rng: Generator) -> None:
    """A zero point moved the wrong way."""
    layer = nn.Conv2d(8, 6, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=rng) + 0.3)
    grid = Grid(bits=bits, granularity="per_group", group_size=24, symmetric=False)
    found, start = hqq(layer, grid, RangeMethod(), []), codes_to_nearest(layer, grid, RangeMethod())
    blocks = blocked(layer.weight, 0, grid)
    errors = [distance(blocks, h.scale[..., None], present(h.zero_point)[..., None], grid) for h in (found, start)]
    assert bool((errors[0] <= errors[1]).all())
    assert errors[0].sum() < 0.99 * errors[1].sum()
    assert int(found.codes.max()) <= grid.high
    zero_point = present(found.zero_point)
    assert not torch.equal(zero_point, zero_point.round())


def test_a_symmetric_grid_is_refused() -> None:
    """It has no zero point to move."""
    with pytest.raises(SpecError, match="pass symmetric=false"):
        hqq(nn.Linear(2, 2), Grid(), RangeMethod(), [])
