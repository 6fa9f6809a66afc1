"""The residual block is the paper's."""

import torch
from torch.nn.functional import batch_norm, conv2d, relu

from canforget.network.classifier import Add
from canforget.network.residual import ResidualBlock, residual_net
from canforget.rng import generator


def test_a_block_is_two_convolutions_around_a_shortcut() -> None:
    """The reference is written with functions, from the block's own weights."""
    block = ResidualBlock(3, 5, stride=2).train()
    x = torch.randn(4, 3, 8, 8, generator=generator("x"))
    w = dict(block.named_parameters())

    def conv_bn(x: torch.Tensor, part: str, stride: int, padding: int) -> torch.Tensor:
        y = conv2d(x, w[f"{part}.0.weight"], stride=stride, padding=padding)
        return batch_norm(y, None, None, w[f"{part}.1.weight"], w[f"{part}.1.bias"], training=True)

    inner = conv_bn(relu(conv_bn(x, "first", 2, 1)), "second", 1, 1)
    torch.testing.assert_close(block(x), relu(inner + conv_bn(x, "shortcut", 2, 0)))


def test_a_shortcut_that_keeps_its_shape_is_the_input_itself() -> None:
    """A convolution there would make the block wider than the paper's."""
    assert not list(ResidualBlock(4, 4, stride=1).shortcut.parameters())


def test_every_sum_is_a_module_that_quantizers_can_find() -> None:
    """A bare + is invisible to hooks."""
    net = residual_net(3, 10, (4, 8), depth=2)
    assert sum(isinstance(module, Add) for module in net.modules()) == 4
