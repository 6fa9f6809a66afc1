"""A quantized layer computes from its codes what they say, and shares the scale of what it shares."""

from functools import partial
from typing import Any

import torch
from torch import nn

from canforget.data.images import Split
from canforget.network.classifier import Add, Classifier
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantizers.int import int as to_int

eight, four = partial(to_int, bits=8), partial(to_int, bits=4)


def test_the_rounded_value_is_the_slow_obvious_one(small_model: Classifier, digits_split: Split) -> None:
    """What a layer puts out, redone in float64 from its codes."""
    quantized = eight(small_model, digits_split.calibration)
    name, held = next(iter(codes(quantized).items()))
    layer: Any = quantized.get_submodule(name)
    reader = layer.reading()[0]
    x = small_model.normalize(digits_split.test.x[:4])
    read = ((x.double() / reader.scale.double()).round() + reader.zero_point).clamp(0, 255)
    read = (read - reader.zero_point) * reader.scale.double()
    weight = held.codes.double() * held.scale.double().view(-1, 1, 1, 1)
    expected = nn.functional.conv2d(read, weight, layer.layer.bias.double(), padding=1)
    assert torch.allclose(layer(x).double(), expected, atol=1e-4)


def test_codes_are_integers_within_their_bits_for_every_layer(net: Any, pictures: Any) -> None:
    """Sums and pools have no weights; every convolution and the linear layer have."""
    held = codes(four(net, pictures))
    assert len(held) == 22
    for found in held.values():
        assert found.codes.dtype == torch.int8
        assert found.bits == 4
        assert int(found.codes.abs().max()) == 7


def test_sums_and_pools_round_what_they_read_and_share_its_scale(net: Any, pictures: Any) -> None:
    """Two grids for one tensor would be rounded twice, and no engine could fuse the sum."""
    quantized = eight(net, pictures)
    sums = [m for m in quantized.modules() if isinstance(m, QuantizedLayer) and isinstance(m.layer, Add)]
    assert len(sums) == 9
    block: Any = quantized.get_submodule("net.2")
    assert block.add.reading()[1].scale == block.first.get_submodule("0").reading()[0].scale
