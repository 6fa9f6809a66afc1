"""Layers by their place, training a part of them, and second moments of inputs against the layers' own arithmetic."""

from copy import deepcopy

import pytest
import torch
from torch import Generator, nn

from canforget.data.images import Images, Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearning.layers import convolutions_of, head_of, input_moments, last_layers, train_only_


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
    assert [name for name, _ in convolutions_of(net(), "conv_transpose", wider_than=1)] == ["0"]
    with pytest.raises(SpecError, match=r"hold 0.0% of this model's weights"):
        convolutions_of(nn.Sequential(nn.Linear(3, 3)), "conv_transpose")


def test_moments_of_patches_give_the_energy_of_a_layers_outputs(rng: Generator) -> None:
    """Patches cut or ordered otherwise than the kernel sees them belong to another layer."""
    images = Images.of(torch.randint(0, 256, (6, 2, 5, 5), generator=rng, dtype=torch.uint8), torch.zeros(6))
    conv = nn.Conv2d(2, 3, (3, 2), stride=2, padding=1, bias=False)
    head = nn.LazyLinear(2, bias=False)
    net = nn.Sequential(Halved(), conv, nn.Flatten(), head)
    net(images.x)
    moments = input_moments(net, images, batch_size=4)
    x = images.x.float() / 2
    for name, layer, inputs in (("1", conv, x), ("3", head, conv(x).flatten(1))):
        weight = layer.weight.detach().flatten(1).double()
        energy = (weight @ moments[name] @ weight.T).trace()
        torch.testing.assert_close(energy, layer(inputs).detach().double().square().sum(), rtol=1e-5, atol=0)


class Halved(nn.Module):
    """Pixels as floats."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.float() / 2


def test_the_rest_keeps_its_bits_and_its_flags(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Statistics of frozen norms that go on moving change the frozen layers after all."""
    model = deepcopy(small_model)
    model.get_parameter("net.8.bias").requires_grad_(False)
    train_only_(model, {"net.8.weight", "net.8.bias"}, digits_split.retain, rng=rng, fit=Fit(epochs=1, lr=0.1))
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, small_model.state_dict()[n])}
    assert changed == {"net.8.weight"}
    assert [n for n, p in model.named_parameters() if not p.requires_grad] == ["net.8.bias"]
