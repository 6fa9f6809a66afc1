"""Export form of a quantized network: QDQ and weight dequantize as custom torch ops that every engine can translate."""

from copy import deepcopy
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import linear

from canforget.errors import SpecError
from canforget.quantization.layer import ActivationQuantizer, QuantizedLayer

MAX_POOLS = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)


def writable(model: nn.Module) -> nn.Module:
    """A copy on the CPU whose quantized layers are written with the two operators."""
    copy = deepcopy(model).cpu().eval().requires_grad_(False)
    if isinstance(net := getattr(copy, "net", None), fx.GraphModule):
        read_before_pools_(net)
    for name, module in list(copy.named_modules()):
        if isinstance(module, QuantizedLayer):
            copy.set_submodule(name, ExportLayer(module, name))
    return copy


def read_before_pools_(net: fx.GraphModule) -> None:
    """Rounds before a maximum what is rounded after it: the same values, as rounding keeps order and zero, and convolutions can fuse."""
    for node in list(net.graph.nodes):
        if node.op == "call_module" and type(net.get_submodule(str(node.target))) in MAX_POOLS:
            reader = reader_after(node, net)
            if reader is not None:
                name = f"before_{node.name}"
                net.add_module(name, ExportActivationQuantizer(reader, name))
                with net.graph.inserting_before(node):
                    node.update_arg(0, net.graph.call_module(name, (node.args[0],)))
    net.recompile()


def reader_after(node: fx.Node, net: fx.GraphModule) -> ActivationQuantizer | None:
    """The reader of the one layer that reads what `node` puts out, as it is, cut off at zero or flattened; None if there is no such one."""
    users = list(node.users)
    if len(users) != 1 or users[0].op != "call_module":
        return None
    module = net.get_submodule(str(users[0].target))
    if isinstance(module, (nn.Flatten, nn.Identity, nn.Dropout, nn.ReLU)):
        return reader_after(users[0], net)
    readers = module.reading() if isinstance(module, QuantizedLayer) else []
    return readers[0] if len(readers) == 1 else None


class ExportActivationQuantizer(nn.Module):
    """A reader as one operator."""

    scale: Tensor
    zero: Tensor

    def __init__(self, reader: ActivationQuantizer, name: str) -> None:
        super().__init__()
        if reader.grid.kind != "int" or reader.grid.bits != 8:
            raise SpecError(f"export: {name} reads {reader.grid.label}, and integer kernels read int8; quantize with activations=8 (or 0)")
        self.register_buffer("scale", reader.scale.clone())
        self.register_buffer("zero", reader.zero_point.to(torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        read: Tensor = operators()["read"](x, self.scale, self.zero)
        return read


class ExportLayer(nn.Module):
    """Export form of a quantized layer: integer weights, and an integer bias where its kernel wants one, each behind an operator.

    Weights have a zero point of zeros, without which ONNX Runtime leaves linear layers in float.
    """

    codes: Tensor
    turned: Tensor
    scale: Tensor
    zero: Tensor
    bias: Tensor
    bias_scale: Tensor

    def __init__(self, quantized: QuantizedLayer, name: str) -> None:
        super().__init__()
        self.layer = quantized.layer
        self.readers = nn.ModuleList(ExportActivationQuantizer(r, name) for r in quantized.reading())
        self.writer = None if quantized.writer is None else ExportActivationQuantizer(quantized.writer, name)
        held = quantized.held()
        self.integer = held is not None and isinstance(self.layer, (nn.Conv1d, nn.Conv2d, nn.Linear))
        if held is None or not self.integer:
            return
        if held.grid.kind != "int" or not held.grid.symmetric or held.grid.granularity == "per_group":
            label = f"{'' if held.grid.symmetric else 'affine '}{held.grid.label} {held.grid.granularity}"
            raise SpecError(f"export: {name} has {label} weights; integer kernels take symmetric integers, per tensor or channel")
        scale = held.scale.flatten().expand(len(held.codes)).clone()
        self.register_buffer("codes", held.codes)
        if isinstance(self.layer, nn.Linear):
            self.register_buffer("turned", held.codes.T.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int8))
        self.write_bias_(quantized.bias_unit(), len(scale))

    def write_bias_(self, unit: Tensor | None, channels: int) -> None:
        """Keeps the bias as the count that it is of the integer kernel's units; of a layer that reads floats, as it is."""
        bias = self.layer.bias.detach() if isinstance(self.layer.bias, Tensor) else torch.zeros(channels)
        self.register_buffer("bias", bias if unit is None else (bias / unit).round().to(torch.int32))
        self.register_buffer("bias_scale", unit)

    def forward(self, *inputs: Tensor) -> Tensor:
        if len(self.readers):
            inputs = tuple(reader(x) for reader, x in zip(self.readers, inputs, strict=True))
        out = self.product(*inputs) if self.integer else self.layer(*inputs)
        return self.writer(out) if self.writer is not None else out

    def product(self, x: Tensor) -> Tensor:
        """What the layer makes of `x` with integer weights."""
        values = operators()["values"]
        bias = self.bias if self.bias_scale is None else values(self.bias, self.bias_scale, None, 0)
        if isinstance(self.layer, nn.Linear) and x.ndim > 2:
            product: Tensor = x @ values(self.turned, self.scale, self.zero, 1) + bias
            return product
        weight = values(self.codes, self.scale, self.zero, 0)
        return linear(x, weight, bias) if isinstance(self.layer, nn.Linear) else cast(Any, self.layer)._conv_forward(x, weight, bias)


@cache
def operators() -> dict[str, Any]:
    """Two operators that the exporter does not look into: what a reader does, and what codes stand for."""

    @torch.library.custom_op("canforget::read", mutates_args=())
    def read(x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
        return ((x / scale).round() + zero).clamp(0, 255).sub(zero) * scale

    @torch.library.custom_op("canforget::values", mutates_args=())
    def values(codes: Tensor, scale: Tensor, zero: Tensor | None, axis: int) -> Tensor:
        return codes.float() * scale.view([-1 if i == axis else 1 for i in range(codes.ndim)])

    read.register_fake(lambda x, scale, zero: torch.empty_like(x))
    values.register_fake(lambda codes, scale, zero, axis: torch.empty(codes.shape, dtype=torch.float32))
    return {"read": read, "values": values}
