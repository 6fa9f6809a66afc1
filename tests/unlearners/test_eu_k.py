"""Exact unlearning of the end of a net."""

from copy import deepcopy

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.eu_k import eu_k


def test_the_last_layers_know_nothing_of_the_original(small_model: Classifier, digits_split: Split) -> None:
    """ModelSpec on from the original's weights it would be cf_k."""
    other = deepcopy(small_model)
    with torch.no_grad():
        other.get_parameter("net.8.weight").add_(1.0)
        other.get_parameter("net.8.bias").add_(1.0)
    fit = Fit(epochs=1, lr=0.05)
    one, two = (eu_k(m, digits_split.forget, digits_split.retain, rng=generator("e"), fit=fit, layers=1) for m in (small_model, other))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_statistics_of_the_last_layers_start_anew(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Running statistics remember the forget set as weights do."""
    fit = Fit(epochs=1, lr=1e-6, momentum=0.0, batch_size=1000)
    model = eu_k(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=fit, layers=2)
    assert model.get_buffer("net.4.num_batches_tracked") == 1
    assert torch.equal(model.get_buffer("net.1.running_mean"), small_model.get_buffer("net.1.running_mean"))
