"""Second moments of inputs against the layers' own arithmetic."""

import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.unlearning.layers import input_moments


def test_moments_of_patches_give_the_energy_of_a_layers_outputs(rng: Generator) -> None:
    """Patches cut or ordered otherwise than the kernel sees them belong to another layer."""
    images = Images.of(torch.randint(0, 256, (6, 2, 5, 5), generator=rng, dtype=torch.uint8), torch.zeros(6))
    conv = nn.Conv2d(2, 3, (3, 2), stride=2, padding=1, bias=False)
    net = nn.Sequential(Halved(), conv, nn.Flatten(), nn.LazyLinear(2, bias=False))
    net(images.x)
    moments = input_moments(net, images, batch_size=4)
    x = images.x.float() / 2
    for name, layer, inputs in (("1", conv, x), ("3", net[3], conv(x).flatten(1))):
        weight = layer.weight.detach().flatten(1).double()
        energy = (weight @ moments[name] @ weight.T).trace()
        torch.testing.assert_close(energy, layer(inputs).detach().double().square().sum(), rtol=1e-5, atol=0)


class Halved(nn.Module):
    """Pixels as floats."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.float() / 2
