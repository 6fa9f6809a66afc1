"""Layers by their place."""

import pytest
from torch import nn

from canforget.errors import SpecError
from canforget.unlearning.layers import convolutions, head_of, last_layers


def net() -> nn.Sequential:
    """Two convolutions with norms, then a linear layer."""
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))


def test_the_norm_behind_a_layer_belongs_to_it() -> None:
    """Counting every module with parameters would spend half the layers on norms."""
    expected = {
        "2.weight",
        "2.bias",
        "3.weight",
        "3.bias",
        "3.running_mean",
        "3.running_var",
        "3.num_batches_tracked",
        "5.weight",
        "5.bias",
    }
    assert last_layers(net(), 2, "cf_k") == expected


def test_more_layers_than_there_are_is_an_error() -> None:
    """Counting from the wrong end would silently finetune everything."""
    with pytest.raises(SpecError, match="layers must be 1 to 3"):
        last_layers(net(), 4, "cf_k")


def test_a_head_of_another_width_is_refused() -> None:
    """A hidden layer is not the head."""
    assert head_of(net(), 3, "boundary_expand")[0] == "5"
    with pytest.raises(SpecError, match="linear layer of 7 logits"):
        head_of(net(), 7, "boundary_expand")


def test_a_net_without_wide_convolutions_is_refused() -> None:
    """On a vision transformer the method would do next to nothing and look like a weak one."""
    assert [name for name, _ in convolutions(net(), "conv_transpose", wider_than=1)] == ["0"]
    with pytest.raises(SpecError, match=r"hold 0.0% of this model's weights"):
        convolutions(nn.Sequential(nn.Linear(3, 3)), "conv_transpose")
