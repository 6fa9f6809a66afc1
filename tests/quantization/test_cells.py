import torch
from torch import Generator

from canforget.quantization.cells import rounding_cells
from canforget.quantization.qat import at_nearest


def test_whatever_lies_within_the_cells_has_the_same_codes_and_scale(rng: Generator) -> None:
    """Were the largest weight of a channel free, its scale would move and with it every code."""
    weight = torch.randn(6, 4, 3, 3, generator=rng)
    for bits in (2, 3, 4, 8):
        low, high = rounding_cells(weight, bits)
        assert bool((low <= weight).all() and (weight <= high).all())
        for _ in range(20):
            other = low + (high - low) * torch.rand(weight.shape, generator=rng)
            assert torch.equal(at_nearest(other, bits), at_nearest(weight, bits))


def test_a_cell_is_nearly_a_step_wide() -> None:
    low, high = rounding_cells(torch.tensor([[7.0, 2.2, -6.9]]), bits=4)
    assert torch.allclose(high - low, torch.tensor([[0.0, 0.998, 0.499]]), atol=1e-3)
