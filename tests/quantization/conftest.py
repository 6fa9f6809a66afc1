"""What tests of quantized networks share: a narrow ResNet-20 with fresh weights, and pictures of random pixels."""

import pytest
import torch

from canforget.data.images import Images
from canforget.network.build import build
from canforget.network.classifier import Classifier
from canforget.rng import generator


@pytest.fixture(scope="module")
def net() -> Classifier:
    return build("resnet20", 10, (3, 16, 16), rng=generator("net"), mean=(0.4,) * 3, std=(0.2,) * 3, parameters={"width": 4}).eval()


@pytest.fixture(scope="module")
def pictures() -> Images:
    return Images.of(torch.randint(0, 256, (40, 3, 16, 16), generator=generator("pictures"), dtype=torch.uint8), torch.zeros(40))
