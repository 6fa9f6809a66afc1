"""ResNet-18 with the stem for small images: 11 million weights, a 3 x 3 first convolution, no pooling before the blocks."""

from torch import Generator, nn

from canforget.hyperparameters import Width
from canforget.network.residual import residual_net
from canforget.registry import component
from canforget.rng import global_stream


@component(paper="He et al. 2016, https://arxiv.org/abs/1512.03385", version=1)
def resnet18(num_classes: int, image_shape: tuple[int, int, int], *, rng: Generator, width: Width = 64) -> nn.Module:
    """Returns the 18-layer net of the paper's table 1 with fresh weights: stages of two blocks, `width`, 2, 4 and 8 `width` wide.

    Source: table 1. Deviation: the 7 x 7 convolution of stride 2 and the pooling after it are one 3 x 3 convolution of stride 1, as the
    unlearning literature has it for images of 32 pixels.
    """
    with global_stream(rng):
        return residual_net(image_shape[0], num_classes, (width, 2 * width, 4 * width, 8 * width), depth=2)
