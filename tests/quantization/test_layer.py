"""QuantizedLayer networks: what is rounded, when, by whose images; and what is left in float."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.errors import DataError, DivergedError, SpecError
from canforget.network.build import build
from canforget.network.classifier import Add, Classifier, Normalize
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.quantized import coverage
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.quantizers.none import none
from canforget.rng import generator

eight, four = partial(to_int, bits=8), partial(to_int, bits=4)


def logits(model: nn.Module, images: Images) -> Tensor:
    with torch.no_grad():
        return model(images.x)


@pytest.fixture(scope="module")
def net() -> Classifier:
    return build("resnet20", 10, (3, 16, 16), rng=generator("net"), mean=(0.4,) * 3, std=(0.2,) * 3, parameters={"width": 4}).eval()


@pytest.fixture(scope="module")
def pictures() -> Images:
    return Images.of(torch.randint(0, 256, (40, 3, 16, 16), generator=generator("pictures"), dtype=torch.uint8), torch.zeros(40))


def test_eight_bits_keep_the_accuracy_of_a_trained_net(small_model, digits_split):
    """A loss of eleven points, as the predecessor had, is clipping or another transform, not rounding."""
    right = {
        label: float(
            (logits(quantizer(small_model, digits_split.calibration), digits_split.test).argmax(1) == digits_split.test.y).float().mean()
        )
        for label, quantizer in (("none", none), ("int8", eight), ("e4m3", float8), ("e5m2", partial(float8, format="e5m2")))
    }
    assert right["none"] > 0.9
    assert all(abs(value - right["none"]) <= 0.01 for value in right.values()), right


def test_more_bits_are_nearer_to_the_float_network(small_model, digits_split):
    """A bit width that is not passed on shows up as a plateau."""
    exact = logits(small_model, digits_split.test)
    errors = [
        float((logits(to_int(small_model, digits_split.calibration, bits=b), digits_split.test) - exact).square().mean())
        for b in (2, 4, 6, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 100


def test_activations_are_calibrated_through_the_models_own_normalization(small_model, digits_split):
    """The predecessor calibrated on images that the network never sees: negatives were clipped, and half of the accuracy with them."""
    first = next(m for m in eight(small_model, digits_split.calibration).modules() if isinstance(m, QuantizedLayer))
    reader = first.reading()[0]
    seen = small_model.normalize(digits_split.calibration.x)
    assert float(reader.scale) == pytest.approx(float(seen.max() - seen.min()) / 255, rel=1e-5)
    assert float(reader.zero_point) == round(float(-seen.min() / reader.scale))


def test_the_rounded_value_is_the_slow_obvious_one(small_model, digits_split):
    """What a layer puts out, redone in float64 from its codes."""
    quantized = eight(small_model, digits_split.calibration)
    name, held = next(iter(codes(quantized).items()))
    layer = quantized.get_submodule(name)
    reader = layer.reading()[0]
    x = small_model.normalize(digits_split.test.x[:4])
    read = ((x.double() / reader.scale.double()).round() + reader.zero_point).clamp(0, 255)
    read = (read - reader.zero_point) * reader.scale.double()
    weight = held.codes.double() * held.scale.double().view(-1, 1, 1, 1)
    expected = nn.functional.conv2d(read, weight, layer.layer.bias.double(), padding=1)
    assert torch.allclose(layer(x).double(), expected, atol=1e-4)


def test_codes_are_integers_within_their_bits_for_every_layer(net, pictures):
    """Sums and pools have no weights; every convolution and the linear layer have."""
    held = codes(four(net, pictures))
    assert len(held) == 22
    for found in held.values():
        assert found.codes.dtype == torch.int8
        assert found.bits == 4
        assert int(found.codes.abs().max()) == 7


def test_weights_only_leaves_what_layers_read_in_float(net, pictures):
    """W4 and W4A8 are different claims."""
    quantized = to_int(net, pictures, bits=4, activations=0)
    assert all(not m.reading() for m in quantized.modules() if isinstance(m, QuantizedLayer))
    assert {entry.activations for entry in coverage(quantized).layers} == {"float32"}


def test_sums_and_pools_round_what_they_read_and_share_its_scale(net, pictures):
    """Two grids for one tensor would be rounded twice, and no engine could fuse the sum."""
    quantized = eight(net, pictures)
    sums = [m for m in quantized.modules() if isinstance(m, QuantizedLayer) and isinstance(m.layer, Add)]
    assert len(sums) == 9
    block = quantized.get_submodule("net.2")
    assert block.add.reading()[1].scale == block.first.get_submodule("0").reading()[0].scale


def test_bit_widths_are_for_weights_and_activations_each(net, pictures):
    """One argument used for both."""
    entry = coverage(to_int(net, pictures, bits=3, activations=6)).layers[0]
    assert (entry.weights, entry.activations) == ("int3 per_channel", "int6")


def test_coverage_counts_multiply_accumulates(pictures):
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


def test_what_stays_in_float_is_listed_with_its_reason():
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


def test_a_variant_of_a_convolution_is_left_alone_and_listed(pictures):
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


def test_a_network_that_cannot_be_traced_is_quantized_and_says_so(pictures):
    """Its layers are rounded all the same; its sums are not, and the account says why."""

    class Fickle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x / 255.0
            x = self.conv(x) if x.mean() > -1 else x
            return self.head((x + x).mean((2, 3)))

    found = coverage(eight(Fickle(), pictures))
    assert [e.coded for e in found.layers] == [True, True, False]
    assert "control flow" in found.left[0].reason


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(3, 4, 2), nn.ConvTranspose2d(3, 6, 2, groups=3), nn.Conv2d(3, 6, 3, groups=3)])
def test_grouped_and_transposed_convolutions_are_close_to_float(layer, pictures):
    """Scales on the wrong axis make them far off."""
    net = nn.Sequential(layer, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(layer.out_channels * 9, 4))
    model = Classifier(net, Normalize((0.5,) * 3, (0.5,) * 3)).eval()
    exact, found = logits(model, pictures), logits(eight(model, pictures), pictures)
    assert float((found - exact).square().mean() / exact.var()) < 1e-3


def test_one_outlier_image_costs_less_with_other_ranges(small_model, digits_split, rng):
    """Minimum and maximum are at the mercy of one image; the others are there for that."""
    exact = logits(small_model, digits_split.test)
    usual = digits_split.calibration
    noise = torch.randint(0, 2, usual.x[:1].shape, generator=rng, dtype=torch.uint8) * 255
    images = Images.of(torch.cat([usual.x, noise]), torch.zeros(len(usual) + 1))
    error = {
        ranges: float((logits(to_int(small_model, images, activations=4, ranges=ranges), digits_split.test) - exact).square().mean())
        for ranges in ("minmax", "mse")
    }
    assert error["mse"] < error["minmax"]


def test_batchnorm_is_folded_so_the_mode_does_not_matter(small_model, digits_split):
    """Calibration in train mode uses the statistics of the batch, and changes the model on the way."""
    quantized = eight(small_model, digits_split.calibration)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in quantized.modules())
    before = logits(quantized, digits_split.test)
    assert torch.equal(logits(quantized.train(), digits_split.test), before)


def test_a_copy_is_a_quantized_model_too(net, pictures):
    """Probes copy models; a traced module forgets what it is not told to keep."""
    quantized = eight(net, pictures)
    copy = deepcopy(quantized)
    assert coverage(copy) == coverage(quantized)
    assert torch.equal(logits(copy, pictures), logits(quantized, pictures))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda m, i: eight(eight(m, i), i), SpecError, "quantized already"),
        (lambda m, i: eight(nn.Sequential(nn.Flatten(), nn.ReLU()), i), SpecError, "nothing to quantize"),
        (lambda m, i: eight(m, i[:0]), DataError, "no images"),
        (lambda m, i: to_int(m, i, bits=9), SpecError, "bits must be 2 to 8, not 9"),
        (lambda m, i: to_int(m, i, ranges="max"), SpecError, "no ranges 'max'"),
    ],
)
def test_what_cannot_be_quantized_is_refused_in_words(make, error, says, net, pictures):
    """A format named in a record must be the one that was used."""
    with pytest.raises(error, match=says):
        make(net, pictures)


def test_diverged_weights_are_refused_with_the_name_of_the_layer(net, pictures):
    """NaN rounds to some integer or other, and looks like a model."""
    broken = deepcopy(net)
    with torch.no_grad():
        next(iter(broken.net.parameters()))[0] = torch.nan
    with pytest.raises(DivergedError, match=r"net\.0\.0"):
        eight(broken, pictures)
