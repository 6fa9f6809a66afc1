"""Turned kernels."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.conv_transpose import conv_transpose


def test_every_kernel_is_turned_over_its_diagonal_before_finetuning(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Swapping input and output channels is what "transposed convolution" means elsewhere."""
    fit = Fit(epochs=1, lr=1e-12, momentum=0.0)
    unlearned = conv_transpose(small_model, digits_split.forget, digits_split.retain, rng=rng, fit=fit)
    for place in (0, 3):
        torch.testing.assert_close(
            unlearned.get_parameter(f"net.{place}.weight"), small_model.get_parameter(f"net.{place}.weight").transpose(2, 3)
        )
    torch.testing.assert_close(unlearned.get_parameter("net.8.weight"), small_model.get_parameter("net.8.weight"))
