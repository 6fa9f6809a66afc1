"""What the account says of modules that stay in float: each with its own reason."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.utils.parametrizations import weight_norm

from canforget.data.images import Images
from canforget.network.classifier import Add
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.quantized import coverage
from canforget.quantizers.int import int as to_int
from canforget.rng import generator, global_stream


@pytest.fixture(scope="module")
def pictures() -> Images:
    return Images.of(torch.randint(0, 256, (8, 3, 8, 8), generator=generator("pictures"), dtype=torch.uint8), torch.zeros(8))


class Odd(nn.Module):
    """A convolution whose weight is computed anew, BatchNorm as a function, and a layer that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.normed = weight_norm(nn.Conv2d(3, 4, 3, padding=1))
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.mean: Tensor
        self.var: Tensor
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("var", torch.ones(4))
        self.gain = nn.Parameter(torch.ones(4))
        self.learned = nn.MultiheadAttention(4, 2, add_bias_kv=True, batch_first=True)
        self.unused, self.head = nn.Linear(2, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.twice(self.normed(x / 255.0)))
        x = batch_norm(x, self.mean, self.var, self.gain).flatten(2).transpose(1, 2)
        answer: Tensor = self.head(self.learned(x, x, x, need_weights=False)[0].mean(1))
        return answer


def test_every_module_left_in_float_has_its_own_reason(pictures: Any) -> None:
    """A BatchNorm written as a function was listed among the tokens and scales."""
    with global_stream(generator("odd")):
        model = Odd().eval()
    quantized = to_int(model, pictures)
    reasons = {entry.name: entry.reason for entry in coverage(quantized).left}
    assert "weight is computed anew before every call (weight_norm" in reasons["net.normed"]
    assert reasons["net"] == "handed to batch_norm as a function, which nothing can round; write it as a module"
    assert reasons["net.learned"] == "attention with learned keys of its own is not split into linear layers"
    assert [e.macs for e in coverage(quantized).layers if e.name == "net.twice"] == [2 * 8 * 8 * 4 * 36]
    assert {e.name for e in coverage(quantized).layers if e.coded} == {"net.twice", "net.head"}
    with torch.no_grad():
        exact, found = model(pictures.x), quantized(pictures.x)
    assert (found - exact).abs().max() < 0.05 * exact.abs().max()


def test_a_layer_under_two_names_in_a_network_that_cannot_be_traced_is_rounded_under_both(pictures: Any) -> None:
    """The second name went on using the float layer, and the account said that it was never reached."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = self.other = nn.Conv2d(3, 3, 3, padding=1)
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.one(x / 255.0) if x.float().mean() > -1 else x
            answer: Tensor = self.head(self.other(x).mean((2, 3)))
            return answer

    with global_stream(generator("two")):
        quantized = to_int(Two(), pictures)
    one, other = (quantized.get_submodule(f"net.{name}") for name in ("one", "other"))
    assert one is other
    assert isinstance(one, QuantizedLayer)
    found = coverage(quantized)
    assert [e.name for e in found.left] == ["forward"]
    assert "control flow" in found.left[0].reason


def test_torchs_own_transformer_layers_are_rounded_and_their_sums_are_listed(pictures: Any) -> None:
    """Their fused path hands packed weights to one kernel, past every layer that was put in their place."""

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.patch, self.encoder, self.head = nn.Conv2d(3, 8, 4, 4), nn.TransformerEncoder(layer, 2), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.head(self.encoder(self.patch(x / 255.0).flatten(2).transpose(1, 2)).mean(1))
            return answer

    with global_stream(generator("encoder")):
        model = Encoder().eval()
    quantized = to_int(model, pictures, bits=2)
    found = coverage(quantized)
    coded = {e.name for e in found.layers if e.coded}
    assert {f"net.encoder.layers.1.{n}" for n in ("linear1", "linear2", "self_attn.q", "self_attn.out")} < coded
    assert any(e.kind == "TransformerEncoderLayer" and "its sums stay in float" in e.reason for e in found.left)
    with torch.no_grad():
        exact, fine, coarse = model(pictures.x), to_int(model, pictures)(pictures.x), quantized(pictures.x)
    assert (fine - exact).abs().max() < 0.05 < (coarse - exact).abs().max()
    assert not any(isinstance(m, Add) for m in quantized.modules())
