"""int8 inference through torch.compile: the simulated network, with its own codes and scales, on the integer kernels of this CPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from canforget.deployment.operators import operators, writable
from canforget.deployment.optional import needed, quietly
from canforget.errors import SpecError
from canforget.quantization.quantized import DeployedClassifier, QuantizedClassifier

ENGINE = "inductor"
BLOCK = 64
"""Images that run at once, or else one: what is compiled for batches of any size mistakes the layout of some convolutions."""


class Compiled(DeployedClassifier):
    """A simulated network that torch's compiler runs on the CPU: raw uint8 pixels in, float32 logits out, like any model.

    Its first batch compiles it (half a minute for a ResNet-18), and so does the first single image.

    Limits: needs a C++ compiler; no gradients. On processors without VNNI instructions sums of u8 x s8 products may saturate.
    """

    def __init__(self, simulated: nn.Module) -> None:
        known = getattr(simulated, "architecture", None)
        super().__init__(ENGINE, known, simulated.coverage if isinstance(simulated, QuantizedClassifier) else None)
        self.simulated = simulated.cpu()
        self._runs: dict[int, Callable[[Tensor], Tensor]] = {}
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        from torch._inductor import config

        size = 1 if len(x) == 1 else BLOCK
        # Leaving inference mode turns gradients on, and with gradients nothing is frozen; another mode would compile it once more.
        with config.patch(freezing=True), torch.inference_mode(False), torch.no_grad():
            if size not in self._runs:
                self._runs[size] = compiled_run(self.simulated, size, tuple(x.shape[1:]))
            found = [self._runs[size](block) for block in torch.split(filled_batch(x.cpu(), size), size)]
        return torch.cat(found)[: len(x)].to(x.device)

    def __getstate__(self) -> dict[str, Any]:
        """What was compiled stays behind when the module is copied; the copy compiles its own."""
        return {**self.__dict__, "_runs": {}}


def simulation(model: nn.Module) -> nn.Module:
    """The simulated network in a compiled one; any other model as it is."""
    return model.simulated if isinstance(model, Compiled) else model


def filled_batch(x: Tensor, size: int) -> Tensor:
    """A batch with its last image repeated until `size` divides its length.

    >>> filled_batch(torch.tensor([1, 2, 3]), 2).tolist()
    [1, 2, 3, 3]
    """
    return torch.cat([x, x[-1:].expand(-len(x) % size, *x.shape[1:])]).contiguous()


def compiled_run(simulated: nn.Module, size: int, image_shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """A function from `size` images to logits, called once so that it is compiled."""
    check_compiler()
    run = torch.compile(inductor_graph(simulated, size, image_shape), dynamic=False)
    with quietly():
        run(torch.zeros(size, *image_shape, dtype=torch.uint8))
    return run


def check_compiler() -> None:
    """Tells torch's compiler about integer kernels, or raises `SpecError` with what is missing."""
    with quietly():
        needed("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer", "quant")
    cpp, exc = needed("torch._inductor.cpp_builder", "quant"), needed("torch._inductor.exc", "quant")
    try:
        cpp.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        raise SpecError("no C++ compiler, which torch needs to compile a network; install g++, or name one in CXX") from None


def inductor_graph(simulated: nn.Module, size: int, image_shape: tuple[int, ...]) -> fx.GraphModule:
    """The network as torch's compiler wants to see it: quantize and dequantize in pairs, weights as integers behind a dequantize."""
    operators()
    net = torch.export.export(writable(simulated), (torch.zeros(size, *image_shape, dtype=torch.uint8),)).module()
    assert isinstance(net, fx.GraphModule)
    translations: dict[Any, Callable[[fx.GraphModule, fx.Node], fx.Node]] = {
        torch.ops.canforget.read.default: read_as_integers,
        torch.ops.canforget.values.default: values_of_codes,
    }
    for node in list(net.graph.nodes):
        if node.target in translations:
            with net.graph.inserting_before(node):
                node.replace_all_uses_with(translations[node.target](net, node))
            net.graph.erase_node(node)
    net.recompile()
    return net


def read_as_integers(net: fx.GraphModule, node: fx.Node) -> fx.Node:
    """What a reader does, as integers of eight bits and back."""
    x, scale, zero = node.args
    grid = (float(held(net, scale)), int(held(net, zero)), 0, 255, torch.uint8)
    codes = net.graph.call_function(decomposed().quantize_per_tensor.default, (x, *grid))
    return net.graph.call_function(decomposed().dequantize_per_tensor.default, (codes, *grid))


def values_of_codes(net: fx.GraphModule, node: fx.Node) -> fx.Node:
    """What codes stand for: those of a weight stay integers, those of a bias become what they stand for."""
    codes, scale, _, axis = node.args
    assert isinstance(codes, fx.Node)
    if codes.op == "get_attr" and held(net, codes).dtype != torch.int8:
        return constant(net, f"{node.name}_bias", torch.ops.canforget.values(held(net, codes), held(net, scale), None, axis))
    zeros = constant(net, f"{node.name}_zeros", torch.zeros(len(held(net, scale)), dtype=torch.int64))
    return net.graph.call_function(decomposed().dequantize_per_channel.default, (codes, scale, zeros, axis, -128, 127, torch.int8))


def held(net: fx.GraphModule, node: Any) -> Tensor:
    """The tensor that a node of the graph names."""
    place, _, name = str(node.target).rpartition(".")
    found = getattr(net.get_submodule(place), name)
    assert isinstance(found, Tensor)
    return found


def constant(net: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    """A node that holds a tensor of its own."""
    net.register_buffer(name, value)
    return net.graph.get_attr(name)


def decomposed() -> Any:
    """The operators by which torch's compiler knows what is quantized."""
    needed("torch.ao.quantization.fx._decomposed", "quant")
    return torch.ops.quantized_decomposed
