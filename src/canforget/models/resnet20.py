"""ResNet-20 for images of about 32 pixels: 0.27 million weights in three stages of 16, 32 and 64 channels."""

from typing import Annotated

from annotated_types import Ge, Le
from torch import Generator, nn

from canforget.hyperparameters import Width
from canforget.network.residual import residual_net
from canforget.registry import component
from canforget.rng import global_stream


@component(paper="He et al. 2016, https://arxiv.org/abs/1512.03385", version=1)
def resnet20(
    num_classes: int, image_shape: tuple[int, int, int], *, rng: Generator, width: Width = 16, depth: Annotated[int, Ge(1), Le(64)] = 3
) -> nn.Module:
    """Returns the CIFAR net of the paper's section 4.2 with fresh weights: stages of `depth` blocks, `width`, 2 and 4 `width` wide.

    Source: section 4.2. Deviation: the two shortcuts that change shape are 1 x 1 convolutions (the paper's option B; its CIFAR nets pad
    with zeros), so that every part is a layer that can be folded and quantized.
    """
    with global_stream(rng):
        return residual_net(image_shape[0], num_classes, (width, 2 * width, 4 * width), depth)
