"""The account of a quantized network: what is rounded, what is not, and why."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.network.build import build
from canforget.network.classifier import Classifier, Normalize
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.quantized import coverage
from canforget.quantizers.int import int as to_int
from canforget.rng import generator

eight = partial(to_int, bits=8)


def test_weights_only_leaves_what_layers_read_in_float(net: Any, pictures: Any) -> None:
    """W4 and W4A8 are different claims."""
    quantized = to_int(net, pictures, bits=4, activations=0)
    assert all(not m.reading() for m in quantized.modules() if isinstance(m, QuantizedLayer))
    assert {entry.activations for entry in coverage(quantized).layers} == {"float32"}


def test_bit_widths_are_for_weights_and_activations_each(net: Any, pictures: Any) -> None:
    """One argument used for both."""
    entry = coverage(to_int(net, pictures, bits=3, activations=6)).layers[0]
    assert (entry.weights, entry.activations) == ("int3 per_channel", "int6")


def test_coverage_counts_multiply_accumulates(pictures: Any) -> None:
    """By hand: a 3 x 3 convolution on 16 x 16, a grouped one on 14 x 14, a linear layer."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(6 * 14 * 14, 5))
    found = coverage(eight(Classifier(net, Normalize((0.5,) * 3, (0.5,) * 3)), pictures))
    by_hand = [16 * 16 * 4 * 27, 14 * 14 * 6 * 18, 6 * 14 * 14 * 5]
    assert [entry.macs for entry in found.layers] == by_hand
    assert found.macs == sum(by_hand)
    assert found.macs_fraction == 1.0
    weights = 4 * 27 + 6 * 18 + 6 * 14 * 14 * 5
    assert found.weights_fraction == weights / (weights + 4 + 6 + 5)
    assert found.left == ()


def test_what_stays_in_float_is_listed_with_its_reason() -> None:
    """Coverage is a figure, never a guess: the products of attention, LayerNorms, tokens, custom convolutions."""
    pytest.importorskip("timm")
    vit = build(
        "timm/vit_tiny_patch16_224", 10, (3, 32, 32), rng=generator("vit"), mean=(0.5,) * 3, std=(0.5,) * 3,
        parameters={"img_size": 32, "embed_dim": 48, "depth": 2},
    )  # fmt: skip
    images = Images.of(torch.randint(0, 256, (4, 3, 32, 32), generator=generator("i"), dtype=torch.uint8), torch.zeros(4))
    found = coverage(eight(vit.eval(), images))
    assert {e.name for e in found.layers if e.coded} >= {
        "net.blocks.1.attn.qkv",
        "net.blocks.0.mlp.fc2",
        "net.patch_embed.proj",
        "net.head",
    }
    reasons = " ".join(f"{e.kind}: {e.reason};" for e in found.left)
    for told in ("LayerNorm: a normalization", "matmul: products of activations", "Add: feeds a normalization", "embeddings"):
        assert told in reasons
    assert 0.9 < found.macs_fraction < 1


def test_a_variant_of_a_convolution_is_left_alone_and_listed(pictures: Any) -> None:
    """A weight-standardizing convolution computes with another weight than the one it holds."""

    class Standardized(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), self.bias)

    net = nn.Sequential(Standardized(3, 4, 3), nn.Flatten(), nn.Linear(4 * 14 * 14, 2))
    found = coverage(eight(Classifier(net, Normalize((0.5,), (0.5,))), pictures))
    assert [(e.name, e.reason) for e in found.left if e.kind == "Standardized"] == [
        ("net.0", "a Standardized may use its weight in its own way")
    ]
    assert found.weights_fraction < 1


def test_a_network_that_cannot_be_traced_is_quantized_and_says_so(pictures: Any) -> None:
    """Its layers are rounded all the same; its sums are not, and the account says why."""

    class Fickle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x / 255.0
            x = self.conv(x) if x.mean() > -1 else x
            answer: Tensor = self.head((x + x).mean((2, 3)))
            return answer

    found = coverage(eight(Fickle(), pictures))
    assert [e.coded for e in found.layers] == [True, True, False]
    assert "control flow" in found.left[0].reason
