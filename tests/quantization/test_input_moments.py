"""Second moments against the layer itself: the error they predict is the error that its output has."""

from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.errors import DataError, SpecError
from canforget.quantization.input_moments import output_errors, second_moments

LAYERS: dict[str, Any] = {
    "linear": (nn.Linear(6, 4), (10, 6)),
    "linear on tokens": (nn.Linear(6, 4), (3, 5, 6)),
    "convolution": (nn.Conv2d(3, 4, 3, stride=2, padding=1), (5, 3, 7, 7)),
    "dilated": (nn.Conv2d(3, 4, 3, dilation=2), (5, 3, 7, 7)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (5, 4, 6, 6)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4), (5, 4, 6, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_predicted_error_is_that_of_the_output(name: Any, rng: Generator) -> None:
    """Patches in another order than the weight's columns; groups mixed up."""
    layer, shape = LAYERS[name]
    x, off = torch.randn(shape, generator=rng), torch.randn(layer.weight.shape, generator=rng)
    moments = second_moments(layer, x.split(2))
    if isinstance(layer, nn.Linear):
        error = nn.functional.linear(x, off).flatten(0, -2).square().mean(0)
    else:
        error = layer._conv_forward(x, off, None).square().mean((0, 2, 3))
    assert torch.allclose(output_errors(off, moments), error, rtol=1e-4)


def test_what_has_no_moments_is_refused(rng: Generator) -> None:
    """A fallback to nearest would be another method under the same name."""
    with pytest.raises(SpecError, match="take rounding=nearest"):
        second_moments(nn.ConvTranspose2d(2, 2, 2), [torch.ones(1, 2, 3, 3)])
    with pytest.raises(DataError, match="needs calibration images"):
        second_moments(nn.Linear(2, 2), [])
