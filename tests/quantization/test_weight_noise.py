"""Noise of the norm and sum of each channel's rounding error, in the weights that were rounded and nowhere else."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.quantization.folding import folded
from canforget.quantization.grid import Codes
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.weight_noise import dealt, disturbed, rounding_errors, steps_alike
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.rng import generator


@pytest.fixture(scope="module")
def rounded(small_model: Classifier, digits_split: Split) -> nn.Module:
    return to_int(small_model, digits_split.calibration, bits=3)


def weights(root: nn.Module) -> dict[str, torch.Tensor]:
    """The float weights of all quantized layers with codes."""
    return {n: m.weight.clone() for n, m in root.named_modules() if isinstance(m, QuantizedLayer) and m.codes is not None}


def test_the_error_is_that_of_the_folded_weights(small_model: Classifier, rounded: nn.Module) -> None:
    """Measured on weights before folding, the noise would be too large or too small by BatchNorm's gain."""
    root, errors = folded(small_model), rounding_errors(small_model, rounded)
    for name, weight in weights(rounded).items():
        assert torch.equal(errors[name], weight - root.get_parameter(f"{name}.weight"))
    assert len(errors) == 3


def test_every_channel_keeps_the_norm_and_the_sum_of_its_error(small_model: Classifier, rounded: nn.Module) -> None:
    """Isotropic noise moves the mean of a whitening filter, and with it lets brightness through."""
    errors = rounding_errors(small_model, rounded)
    clean = {n: w - errors[n] for n, w in weights(rounded).items()}
    for noisy in disturbed(small_model, rounded, 3, generator("noise")):
        for name, weight in weights(noisy).items():
            moved, error = ((e.flatten(1)) for e in (weight - clean[name], errors[name]))
            assert torch.allclose(moved.norm(dim=1), error.norm(dim=1), rtol=1e-4)
            assert torch.allclose(moved.sum(dim=1), error.sum(dim=1), atol=1e-4)


def test_draws_differ_from_one_another_and_start_from_the_same_weights(small_model: Classifier, rounded: nn.Module) -> None:
    """Noise upon noise grows with the draws."""
    before = deepcopy(rounded.state_dict())
    drawn = [weights(noisy) for noisy in disturbed(small_model, rounded, 4, generator("noise"))]
    first = next(iter(drawn[0]))
    distances = [float((d[first] - weights(rounded)[first]).norm()) for d in drawn]
    assert max(distances) < 2 * min(distances)
    assert not torch.equal(drawn[0][first], drawn[1][first])
    assert all(torch.equal(t, rounded.state_dict()[n]) for n, t in before.items()), "the model given is left as it was"


def test_activations_are_rounded_as_in_the_format(small_model: Classifier, digits_split: Split, rounded: nn.Module) -> None:
    """A control in float activations differs from the rounding by more than the weights."""
    weights_only = to_int(small_model, digits_split.calibration, bits=3, activations=0)
    x = digits_split.val.x[:16]
    with torch.no_grad():
        one = [m(x).clone() for m in disturbed(small_model, rounded, 1, generator("a"))]
        other = [m(x).clone() for m in disturbed(small_model, weights_only, 1, generator("a"))]
    assert not torch.equal(one[0], other[0])


def test_errors_of_floats_change_places_only_within_an_exponent(small_model: Classifier, digits_split: Split) -> None:
    """Float steps grow with the weight: the error of a large weight, dealt to a small one, is no rounding error of it (KS p .003)."""
    rounded = float8(small_model, digits_split.calibration)
    errors, held = rounding_errors(small_model, rounded), codes(rounded)
    clean = {n: w - errors[n] for n, w in weights(rounded).items()}
    (noisy,) = disturbed(small_model, rounded, 1, generator("noise"))
    for name, weight in weights(noisy).items():
        moved, alike = weight - clean[name], steps_alike(held[name])
        assert len(alike.unique()) > 3
        for step in alike.unique():
            for channel in range(len(alike)):
                here = alike[channel] == step
                assert torch.allclose(moved[channel][here].sort().values, errors[name][channel][here].sort().values, atol=1e-6)
        assert not torch.allclose(moved, errors[name], atol=1e-6)


def test_errors_of_powers_of_two_change_places_among_themselves(small_model: Classifier, digits_split: Split) -> None:
    """The next code below is half as far: rounding shrinks what becomes one; dealt to all of the exponent, noise kept weights longer than it."""
    held = codes(float8(small_model, digits_split.calibration))
    for layer in held.values():
        values = Codes(layer.codes, torch.ones_like(layer.scale), None, layer.grid, layer.axis).values().abs()
        powers = (values.log2() % 1 == 0) & (values > 2.0**-6)
        alike = steps_alike(layer)
        assert powers.any()
        assert not set(alike[powers].tolist()) & set(alike[~powers].tolist())
        error = torch.where(powers, 1.0, 0.0)
        assert torch.equal(dealt(error, alike, layer.axis, generator("powers")), error)
