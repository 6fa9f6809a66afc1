"""A plain net made to train fast: six convolutions in three halving stages, for populations of models on a CPU."""

from torch import Generator, nn

from canforget.blocks import conv_bn
from canforget.registry import component
from canforget.rng import global_stream


@component(paper="Jordan 2024, https://arxiv.org/abs/2404.00498", version=1)
def speed_net(
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    rng: Generator,
    stem: int = 24,
    widths: tuple[int, int, int] = (32, 128, 128),
) -> nn.Module:
    """Returns a stem of `stem` filters and three stages (convolution, halving, convolution) of `widths` channels, with fresh weights.

    Source: the paper's airbench94 (widths 64, 256, 256). Deviations: the stem is learned, not whitened from data, so that fresh weights
    depend on the generator alone; ReLU, not GELU; BatchNorm directly behind its convolution, so that it folds; learned BatchNorm scales.
    """
    with global_stream(rng):
        inputs, layers = stem, [*conv_relu(image_shape[0], stem)]
        for width in widths:
            layers += [*conv_relu(inputs, width), nn.MaxPool2d(2), *conv_relu(width, width)]
            inputs = width
        return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))


def conv_relu(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """A convolution with BatchNorm that begins by handing its inputs on (as far as there are outputs), and a ReLU."""
    layer = conv_bn(inputs, outputs)
    weight = layer.get_parameter("0.weight")
    nn.init.dirac_(weight[:inputs])
    return layer, nn.ReLU()
