"""Quantized networks: what is rounded, when, by whose images; and what cannot be."""

from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from canforget.data.images import Images, Split
from canforget.errors import DataError, DivergedError, SpecError
from canforget.network.classifier import Classifier, Normalize
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.quantized import coverage
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.quantizers.none import none

eight = partial(to_int, bits=8)


def logits(model: nn.Module, images: Images) -> Tensor:
    with torch.no_grad():
        answer: Tensor = model(images.x)
        return answer


def test_eight_bits_keep_the_accuracy_of_a_trained_net(small_model: Classifier, digits_split: Split) -> None:
    """A loss of eleven points, as the predecessor had, is clipping or another transform, not rounding."""
    right = {
        label: float(
            (logits(quantizer(small_model, digits_split.calibration), digits_split.test).argmax(1) == digits_split.test.y).float().mean()
        )
        for label, quantizer in (("none", none), ("int8", eight), ("e4m3", float8), ("e5m2", partial(float8, format="e5m2")))
    }
    assert right["none"] > 0.9
    assert all(abs(value - right["none"]) <= 0.01 for value in right.values()), right


def test_more_bits_are_nearer_to_the_float_network(small_model: Classifier, digits_split: Split) -> None:
    """A bit width that is not passed on shows up as a plateau."""
    exact = logits(small_model, digits_split.test)
    errors = [
        float((logits(to_int(small_model, digits_split.calibration, bits=b), digits_split.test) - exact).square().mean())
        for b in (2, 4, 6, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 100


def test_activations_are_calibrated_through_the_models_own_normalization(small_model: Classifier, digits_split: Split) -> None:
    """The predecessor calibrated on images that the network never sees: negatives were clipped, and half of the accuracy with them."""
    first = next(m for m in eight(small_model, digits_split.calibration).modules() if isinstance(m, QuantizedLayer))
    reader = first.reading()[0]
    seen = small_model.normalize(digits_split.calibration.x)
    assert float(reader.scale) == pytest.approx(float(seen.max() - seen.min()) / 255, rel=1e-5)
    assert float(reader.zero_point) == round(float(-seen.min() / reader.scale))


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(3, 4, 2), nn.ConvTranspose2d(3, 6, 2, groups=3), nn.Conv2d(3, 6, 3, groups=3)])
def test_grouped_and_transposed_convolutions_are_close_to_float(layer: Any, pictures: Any) -> None:
    """Scales on the wrong axis make them far off."""
    net = nn.Sequential(layer, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(layer.out_channels * 9, 4))
    model = Classifier(net, Normalize((0.5,) * 3, (0.5,) * 3)).eval()
    exact, found = logits(model, pictures), logits(eight(model, pictures), pictures)
    assert float((found - exact).square().mean() / exact.var()) < 1e-3


def test_one_outlier_image_costs_less_with_other_ranges(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
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


def test_batchnorm_is_folded_so_the_mode_does_not_matter(small_model: Classifier, digits_split: Split) -> None:
    """Calibration in train mode uses the statistics of the batch, and changes the model on the way."""
    quantized = eight(small_model, digits_split.calibration)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in quantized.modules())
    before = logits(quantized, digits_split.test)
    assert torch.equal(logits(quantized.train(), digits_split.test), before)


def test_a_copy_is_a_quantized_model_too(net: Any, pictures: Any) -> None:
    """Probes copy models; a traced module forgets what it is not told to keep."""
    quantized = eight(net, pictures)
    copy = deepcopy(quantized)
    assert coverage(copy) == coverage(quantized)
    assert torch.equal(logits(copy, pictures), logits(quantized, pictures))


UNKNOWN_RANGES: dict[str, Any] = {"ranges": "max"}


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda m, i: eight(eight(m, i), i), SpecError, "quantized already"),
        (lambda m, i: eight(nn.Sequential(nn.Flatten(), nn.ReLU()), i), SpecError, "nothing to quantize"),
        (lambda m, i: eight(m, i[:0]), DataError, "no images"),
        (lambda m, i: to_int(m, i, bits=9), SpecError, "bits must be 2 to 8, not 9"),
        (lambda m, i: to_int(m, i, **UNKNOWN_RANGES), SpecError, "no ranges 'max'"),
    ],
)
def test_what_cannot_be_quantized_is_refused_in_words(make: Any, error: Any, says: Any, net: Any, pictures: Any) -> None:
    """A format named in a record must be the one that was used."""
    with pytest.raises(error, match=says):
        make(net, pictures)


def test_diverged_weights_are_refused_with_the_name_of_the_layer(net: Any, pictures: Any) -> None:
    """NaN rounds to some integer or other, and looks like a model."""
    broken = deepcopy(net)
    with torch.no_grad():
        next(iter(broken.net.parameters()))[0] = torch.nan
    with pytest.raises(DivergedError, match=r"net\.0\.0"):
        eight(broken, pictures)
