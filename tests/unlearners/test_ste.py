"""Forgetting that is learned on the grid."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.quantization.qat import at_nearest, rounded_names
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.neggrad_plus import neggrad_plus
from canforget.unlearners.ste import ste


def at_bits(model: nn.Module, bits: int) -> nn.Module:
    """The model with every weight at its nearest."""
    twin = deepcopy(model)
    for name in rounded_names(twin):
        twin.get_parameter(name).data = at_nearest(twin.get_parameter(name), bits)
    return twin


def test_more_is_forgotten_after_rounding_than_without(small_model: Classifier, digits_split: Split) -> None:
    """What is unlearned between two steps of the grid comes back when the weights are rounded."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=2, batch_size=64, lr=5e-3)
    with_rounding = ste(small_model, forget, retain, rng=generator("s"), base={"name": "neggrad_plus", "fit": fit}, bits=3)
    without = neggrad_plus(small_model, forget, retain, rng=generator("s"), fit=fit)
    with torch.no_grad():
        losses = [cross_entropy(at_bits(m, 3)(forget.x), forget.y) for m in (with_rounding, without)]
        kept = [(at_bits(m, 3)(retain.x).argmax(1) == retain.y).float().mean() for m in (with_rounding, without)]
    assert losses[0] > losses[1]
    assert kept[0] > kept[1] - 0.02


def test_the_weights_returned_are_not_rounded(small_model: Classifier, digits_split: Split) -> None:
    """Quantizing is a step of its own, at whatever width."""
    model = ste(
        small_model, digits_split.forget, digits_split.retain, rng=generator("s"), base="neggrad_plus:fit.epochs=1,fit.lr=1e-3", bits=2
    )
    assert len(model.get_parameter("net.3.weight").unique()) > 100
