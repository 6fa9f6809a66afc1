"""What the hyperparameters of `int` do, each told apart from its neighbours."""

from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split
from canforget.network.classifier import Classifier
from canforget.quantization.folding import folded
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.quantized import coverage
from canforget.quantizers.int import int as to_int
from tests.narrowed import present


def logits(model: nn.Module, images: Images) -> Tensor:
    with torch.no_grad():
        answer: Tensor = model(images.x)
        return answer


@pytest.fixture(scope="module")
def distance(small_model: Classifier, digits_split: Split) -> Any:
    """Mean squared distance of the logits from those of the float network, at W3 and float activations unless told otherwise."""
    exact = logits(small_model, digits_split.test)

    def measure(**told: Any) -> float:
        settings: dict[str, Any] = {"bits": 3, "activations": 0} | told
        return float((logits(to_int(small_model, digits_split.calibration, **settings), digits_split.test) - exact).square().mean())

    return measure


@pytest.mark.parametrize("told", [{"rounding": "adaround"}, {"rounding": "gptq"}, {"rounding": "hqq", "symmetric": False}])
def test_better_rounding_brings_three_bits_nearer_to_float(told: Any, distance: Any) -> None:
    """Each of them is published as an improvement on rounding to nearest; a port that is none has a fault."""
    assert distance(**told) < distance(symmetric=told.get("symmetric", True))


@pytest.mark.parametrize("rounding", ["stochastic", "adaround"])
def test_other_rounding_stays_within_one_step_of_nearest_in_the_first_layer(
    rounding: Any, small_model: Classifier, digits_split: Split
) -> None:
    """Later layers read other inputs, but the weight is the same, so this holds for all."""
    one, other = (codes(to_int(small_model, digits_split.calibration, bits=4, rounding=r)) for r in ("nearest", rounding))
    for name in one:
        assert int((one[name].codes.int() - other[name].codes.int()).abs().max()) <= 1
        assert torch.equal(one[name].scale, other[name].scale)


def test_small_groups_are_nearer_than_channels_and_channels_than_the_tensor(distance: Any) -> None:
    """The point of finer scales."""
    assert distance(granularity="per_group", group_size=8) < distance() < distance(granularity="per_tensor")


def test_first_and_last_layer_may_keep_more_bits(small_model: Classifier, digits_split: Split) -> None:
    """The usual policy; which layers are meant is the order in which they run."""
    found = coverage(to_int(small_model, digits_split.calibration, bits=3, first_last_bits=8))
    assert [e.weights.split()[0] for e in found.layers if e.coded] == ["int8", "int3", "int8"]


def test_the_full_range_uses_the_lowest_code(small_model: Classifier, digits_split: Split) -> None:
    """The two rules for a symmetric scale, amax / 7 and amax / 7.5, differ in every code; papers rarely say which is theirs."""
    narrow, full = (codes(to_int(small_model, digits_split.calibration, bits=4, full_range=f)) for f in (False, True))
    name = "net.3"
    assert torch.allclose(narrow[name].scale * 7, full[name].scale * 7.5)
    assert int(narrow[name].codes.min()) >= -7
    assert min(int(h.codes.min()) for h in full.values()) == -8


def test_bias_correction_leaves_the_mean_of_every_channel_of_a_layer_as_it_was(small_model: Classifier, digits_split: Split) -> None:
    """Redone by hand for the first layer, whose inputs no rounding has touched."""
    quantized = to_int(small_model, digits_split.calibration, bits=2, activations=0, bias_correction=True)
    plain = to_int(small_model, digits_split.calibration, bits=8, activations=0)
    x = small_model.normalize(digits_split.calibration.x)
    means = [model.get_submodule("net.0")(x).mean((0, 2, 3)) for model in (quantized, plain)]
    assert torch.allclose(means[0], means[1], atol=0.02)
    uncorrected = to_int(small_model, digits_split.calibration, bits=2, activations=0)
    assert float((uncorrected.get_submodule("net.0")(x).mean((0, 2, 3)) - means[1]).abs().max()) > 0.05


def test_biases_are_counts_of_weight_scale_times_input_scale(small_model: Classifier, digits_split: Split) -> None:
    """Integer kernels add them as 32-bit integers; a bias between two counts makes a simulation of something else."""
    quantized = to_int(small_model, digits_split.calibration, bits=4)
    for layer in (m for m in quantized.modules() if isinstance(m, QuantizedLayer) and m.codes is not None):
        unit = present(layer.scale).flatten() * layer.reading()[0].scale
        counts = layer.get_parameter("layer.bias").double() / unit.double()
        assert torch.allclose(counts, counts.round(), atol=0.05)
        assert float(counts.abs().max()) > 1


@pytest.mark.parametrize("told", [{"activations": 0}, {"symmetric": False}, {"granularity": "per_group", "group_size": 8}])
def test_biases_stay_as_they_are_where_no_integer_kernel_has_one_unit(told: Any, small_model: Classifier, digits_split: Split) -> None:
    """Floats are read, or a sum has many scales."""
    quantized = to_int(small_model, digits_split.calibration, **told)
    root = folded(small_model)
    for name in codes(quantized):
        assert torch.equal(quantized.get_parameter(f"{name}.layer.bias"), root.get_parameter(f"{name}.bias"))


def test_the_seed_is_for_stochastic_rounding_only(small_model: Classifier, digits_split: Split) -> None:
    """Two draws of chance differ, two of nearest do not."""

    def all_codes(**told: Any) -> list[Tensor]:
        return [h.codes for h in codes(to_int(small_model, digits_split.calibration, bits=4, **told)).values()]

    assert any(
        not torch.equal(a, b) for a, b in zip(all_codes(rounding="stochastic"), all_codes(rounding="stochastic", seed=1), strict=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(all_codes(), all_codes(seed=1), strict=True))


def test_every_layer_of_the_account_is_plain_json(small_model: Classifier, digits_split: Split) -> None:
    """Records are JSON."""
    found = coverage(to_int(small_model, digits_split.calibration)).to_json()
    assert set(found) == {"layers", "parameters", "macs", "engine", "weights_fraction", "macs_fraction", "integer_fraction"}
    assert all(
        v is None or isinstance(v, str | int)
        for entry in coverage(to_int(small_model, digits_split.calibration)).layers
        for v in asdict(entry).values()
    )
