"""What flows into the layers of a model: the second moments of their inputs, patch by patch for convolutions."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from canforget.data.images import Images
from canforget.training.loop import frozen


def input_moments(model: nn.Module, images: Images, batch_size: int = 128) -> dict[str, Tensor]:
    """Returns, by name of layer, the sum of x xᵀ over all inputs x of its weight in eval mode, [inputs, inputs] in float64.

    Linear layers and ungrouped convolutions without string padding are covered; a convolution's input is a patch, flattened as a row
    of its weight is. Other layers are left out.
    """
    twin, moments = frozen(model), {}
    for name, layer in twin.named_modules():
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1 and not isinstance(layer.padding, str)):
            moments[name] = torch.zeros(2 * [layer.weight[0].numel()], dtype=torch.float64, device=layer.weight.device)
            layer.register_forward_hook(partial(add_moment, moments[name]))
    with torch.no_grad():
        for x, _ in images.batches(batch_size):
            twin(x)
    return moments


def add_moment(moment: Tensor, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Adds the second moment of one batch of inputs."""
    x = inputs[0].float()
    if isinstance(layer, nn.Conv2d):
        patches = unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
        x = patches.transpose(1, 2)
    rows = x.reshape(-1, moment.shape[0])
    moment += rows.T @ rows
