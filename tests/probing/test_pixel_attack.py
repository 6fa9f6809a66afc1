"""The attack finds what can be computed by hand, and never claims what is not so."""

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.probing.pixel_attack import radii
from canforget.rng import generator


class Linear(nn.Module):
    """Two logits of which the second is w · x + b, and the first 0."""

    def __init__(self, w: Tensor, b: float) -> None:
        super().__init__()
        self.w, self.b = w, b

    def forward(self, x: Tensor) -> Tensor:
        z = x.float().flatten(1) @ self.w + self.b
        return torch.stack([torch.zeros_like(z), z], dim=1)


def grey(values: Tensor) -> Images:
    return Images.of(values.view(-1, 1, 2, 3).byte(), torch.ones(len(values)))


def test_the_radius_of_a_linear_model_is_its_margin_over_the_sum_of_its_weights() -> None:
    """In the maximum norm every pixel moves as far: margin / ||w||_1, where no pixel meets its bounds."""
    w = torch.randn(6, generator=generator("w"))
    x = torch.randint(100, 156, (20, 6), generator=generator("x"))
    margins = x.float() @ w
    b = float(-margins.max()) - 1.0
    exact = -(margins + b) / w.abs().sum() / 255
    found, passed = radii(Linear(w, b), grey(x), most=0.3, steps=5, searches=16)
    assert torch.allclose(found, exact, atol=1e-4)
    assert (found >= exact - 1e-6).all(), "never less than the true radius"
    assert passed > 20


def test_what_is_said_already_needs_no_change_and_what_is_out_of_reach_is_censored() -> None:
    w = torch.ones(6)
    x = torch.tensor([[200] * 6, [100] * 6])
    found, _ = radii(Linear(w, -900.0), grey(x), most=0.1, steps=5, searches=8)
    assert found[0] == 0
    assert found[1] == pytest.approx(0.1), "50 of 255 would be needed"


def test_pixels_stay_within_their_range() -> None:
    """White cannot become whiter: what no picture can be is no way back."""
    found, _ = radii(Linear(torch.ones(6), -1540.0), grey(torch.full((1, 6), 250)), most=0.5, steps=5, searches=8)
    assert found[0] == pytest.approx(0.5)
