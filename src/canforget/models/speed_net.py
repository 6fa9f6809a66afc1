"""A plain net made to train fast: a fixed whitening stem and six convolutions in three stages, for populations of models."""

import torch
from torch import Generator, Tensor, nn

from canforget.hyperparameters import Width
from canforget.network.residual import conv_bn
from canforget.registry import component
from canforget.rng import global_stream

DETAILS = ([[1, 1], [1, 1]], [[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[1, -1], [-1, 1]])
DETAIL_SPREAD = (1.0, 0.16, 0.16, 0.06)
COLORS = ([1, 1, 1], [1, 0, -1], [1, -2, 1])
COLOR_SPREAD = (3.2, 0.9, 0.43)
GREY_SPREAD = 1.85
FLOOR = 0.1


@component(paper="Jordan 2024, https://arxiv.org/abs/2404.00498", version=1)
def speed_net(
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    rng: Generator,
    widths: tuple[Width, Width, Width] = (32, 128, 128),
) -> nn.Module:
    """Returns a fixed stem and three stages (convolution, halving, convolution) of `widths` channels; all behind the stem is fresh.

    Any image of at least 8 x 8 pixels will do.

    Source: the paper's airbench94 (widths 64, 256, 256). Deviations: the stem whitens by constants of natural images instead of the
    training set's own covariance, so that no image reaches the weights before training; ReLU, not GELU; the convolution on the full map
    has a bias and no BatchNorm, the others BatchNorm directly behind them, so that all of it folds; learned BatchNorm scales.
    """
    first, *rest = widths
    tiny = min(image_shape[1:]) < 16
    with global_stream(rng):
        stem = whitening(image_shape[0])
        opening = identity_(nn.Conv2d(stem.out_channels, first, 3, padding=1))
        layers = [stem, nn.ReLU(), opening, nn.MaxPool2d(2, ceil_mode=tiny), nn.ReLU(), *conv_relu(first, first)]
        for inputs, width in zip(widths, rest, strict=False):
            layers += [*conv_relu(inputs, width), nn.MaxPool2d(2, ceil_mode=tiny), *conv_relu(width, width)]
        return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes))


def whitening(channels: int) -> nn.Conv2d:
    """A frozen 2 x 2 convolution onto the principal parts of natural images, each brought to a spread of about 1, and their negatives.

    The parts are brightness and two color contrasts (for one channel brightness alone; for other numbers each channel by itself), times
    mean, two slopes and the saddle of the patch: nearly uncorrelated in any photographs. Their spreads are those of normalized color
    photographs of 32 pixels, to two digits; `FLOOR` keeps noise from being blown up.
    """
    colors = torch.tensor(COLORS, dtype=torch.float32) if channels == 3 else torch.eye(channels)
    spread = torch.tensor(COLOR_SPREAD) if channels == 3 else torch.full((channels,), GREY_SPREAD)
    parts = torch.einsum("pc,dhw->pdchw", colors / colors.norm(dim=1, keepdim=True), torch.tensor(DETAILS) / 2)
    deviation = ((spread[:, None] * torch.tensor(DETAIL_SPREAD)) ** 2 + FLOOR**2).sqrt()
    filters = (parts / deviation[:, :, None, None, None]).flatten(0, 1)
    stem = nn.Conv2d(channels, 2 * len(filters), 2, bias=False)
    stem.weight = nn.Parameter(torch.cat([filters, -filters]), requires_grad=False)
    return stem


def conv_relu(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """A convolution with BatchNorm that begins by handing its inputs on (as far as there are outputs), and a ReLU."""
    layer = conv_bn(inputs, outputs)
    identity_(layer[0])
    return layer, nn.ReLU()


def identity_(layer: nn.Module) -> nn.Module:
    """`layer`, a convolution, whose first filters hand its inputs on."""
    weight: Tensor = layer.get_parameter("weight")
    nn.init.dirac_(weight[: weight.shape[1]])
    return layer


def refuses(*, image_shape: tuple[int, int, int]) -> str:
    """Why images of this shape (channels, height, width) cannot be read, or nothing."""
    _, height, width = image_shape
    return "" if min(height, width) >= 8 else f"images of {height} x {width} are too small; it takes 8 x 8 pixels or more"
