"""Building blocks that several of our nets share: plain modules that torch.fx can trace and quantizers can walk."""

from torch import Tensor, nn

from canforget.network.classifier import Add


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (over `stride`), without bias, and its BatchNorm."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv_bn(inputs, outputs, stride=stride)
        self.relu = nn.ReLU()
        self.second = conv_bn(outputs, outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same else conv_bn(inputs, outputs, kernel=1, stride=stride)
        self.add = Add()
        self.out = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.add(self.second(self.relu(self.first(x))), self.shortcut(x)))
        return out


def residual_net(channels: int, num_classes: int, widths: tuple[int, ...], depth: int) -> nn.Sequential:
    """A 3 x 3 stem, `depth` blocks for each width (halving the map from the second width on), global average, a linear layer."""
    blocks: list[nn.Module] = []
    inputs = widths[0]
    for stage, width in enumerate(widths):
        for place in range(depth):
            blocks.append(ResidualBlock(inputs, width, stride=2 if stage and not place else 1))
            inputs = width
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))
    net = nn.Sequential(conv_bn(channels, widths[0]), nn.ReLU(), *blocks, *head)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
