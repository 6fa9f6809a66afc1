"""Noise of the norm of a rounding, in the weights that were rounded and nowhere else."""

from copy import deepcopy

import pytest
import torch

from canforget.quantization.folding import folded
from canforget.quantization.layer import codes
from canforget.quantization.weight_noise import disturbed, errors
from canforget.quantizers.int import int as to_int
from canforget.rng import generator


@pytest.fixture(scope="module")
def sizes(small_model, digits_split):
    return errors(small_model, to_int(small_model, digits_split.calibration, bits=3, activations=0))


def test_the_size_is_that_of_the_rounding_error_of_the_folded_weights(small_model, digits_split, sizes):
    """Measured on weights before folding, the noise would be too large or too small by BatchNorm's gain."""
    rounded = to_int(small_model, digits_split.calibration, bits=3, activations=0)
    root = folded(small_model).root
    for name, held in codes(rounded).items():
        error = (held.values() - root.get_submodule(name).weight).detach().double()
        assert sizes[name] == pytest.approx(error.pow(2).sum().sqrt().item(), rel=1e-5)
    assert len(sizes) == 3


def test_fewer_bits_are_more_noise(small_model, digits_split, sizes):
    fine = errors(small_model, to_int(small_model, digits_split.calibration, bits=8, activations=0))
    assert all(10 * fine[name] < sizes[name] for name in sizes)


def test_every_draw_moves_each_layer_by_its_norm_from_the_same_start(small_model, sizes):
    """Noise upon noise grows with the draws."""
    clean, before = folded(small_model).root, deepcopy(small_model.state_dict())
    drawn = [{n: p.clone() for n, p in m.named_parameters()} for m in disturbed(small_model, sizes, 5, generator("noise"))]
    for name, parameter in clean.named_parameters():
        for draw in drawn:
            moved = float((draw[name] - parameter).detach().norm())
            assert moved == pytest.approx(sizes.get(name.removesuffix(".weight"), 0.0), rel=1e-4), name
    assert not torch.equal(drawn[0]["net.0.weight"], drawn[1]["net.0.weight"])
    assert all(torch.equal(t, small_model.state_dict()[n]) for n, t in before.items()), "the model given is left as it was"
