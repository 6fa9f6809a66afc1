"""torch.fx tracing for quantization: layers, residual sums, norms and what reads them, functions that take weights."""

import operator
from collections.abc import Iterator

import torch
from torch import fx, nn
from torch.nn import functional

from canforget.network.classifier import Add, Normalize
from canforget.quantization.attention import SplitAttention, WindowAttention

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)
POOLS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d)
WHOLE = (*NORMS, *LAYERS, Normalize, Add, nn.MultiheadAttention, SplitAttention, WindowAttention)
ADDS = {operator.add, operator.iadd, torch.add, "add", "add_"}
IN_PLACE = {"add_"}
SHAPES = {getattr, "size", "dim", "numel"}
FRESH = (*LAYERS, *NORMS, Add, *POOLS)
"""Modules whose output shares memory with nothing else."""
PASSING = (nn.ReLU, nn.ReLU6, nn.Identity, nn.Dropout, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.Flatten)
PASSING_FUNCTIONS = {functional.relu, torch.relu, "relu", "relu_", functional.relu6, torch.flatten, "flatten", functional.max_pool2d}
"""What integer kernels do between a product and the rounding of its result, or what moves rounded values without changing them."""


class NetTracer(fx.Tracer):
    """Traces down to the modules that are quantized, folded or left in float as a whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether `m` is taken as one step of the graph."""
        return isinstance(m, WHOLE) or super().is_leaf_module(m, module_qualified_name)


def trace(net: nn.Module) -> fx.Graph:
    """The steps of a network; raises whatever its own code raises when it is traced."""
    return NetTracer().trace(net)


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a convolution or linear layer itself, with a weight of its own.

    Not a variant that may treat its weight in its own way, nor one whose weight is computed anew before every call (weight_norm).
    """
    return type(module) in LAYERS and module._parameters.get("weight") is not None


def channel_axis(layer: nn.Module) -> int:
    """The axis of a layer's weight that counts its output channels (within a group, for transposed convolutions)."""
    return 1 if isinstance(layer, TRANSPOSED) else 0


def activations(graph: fx.Graph, net: nn.Module) -> set[fx.Node]:
    """The nodes that carry tensors computed from the input: not its shape, not a parameter."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        first = node.op == "placeholder" and not found
        computed = node.op.startswith("call") and node.target not in SHAPES and any(n in found for n in node.all_input_nodes)
        if first or computed:
            found.add(node)
    return found


def name_sums_(graph: fx.Graph, net: nn.Module, active: set[fx.Node]) -> dict[str, str]:
    """Makes every sum of two activations in `graph` a call of an `Add` module; returns those to leave in float, with the reason.

    A sum written as a statement (`out.add_(x)`) changes `out` for whoever reads it afterwards: they read the module's result.
    """
    kept: dict[str, str] = {}
    for count, node in enumerate([n for n in graph.nodes if is_sum(n, net, active)]):
        name = str(node.target) if node.op == "call_module" else f"sum_{count}"
        if node.op != "call_module":
            if reason := stuck(node, net):
                kept[name] = reason
                continue
            node = replaced_sum(graph, net, node, name)
        if reaches_norm(node, net):
            kept[name] = "feeds a normalization, which runs in float"
    return kept


def replaced_sum(graph: fx.Graph, net: nn.Module, node: fx.Node, name: str) -> fx.Node:
    """The call of an `Add` module in the place of a sum."""
    net.add_module(name, Add())
    with graph.inserting_after(node):
        call = graph.call_module(name, node.args[:2])
    if node.target in IN_PLACE:
        changed = node.args[0]
        assert isinstance(changed, fx.Node)
        for user in [u for u in changed.users if node < u and u is not call]:
            user.replace_input_with(changed, call)
    node.replace_all_uses_with(call)
    graph.erase_node(node)
    return call


def stuck(node: fx.Node, net: nn.Module) -> str:
    """Why a sum cannot become a module ("" when it can)."""
    if node.kwargs or len(node.args) != 2:
        return "a sum with alpha= or out= runs in float"
    if node.target in IN_PLACE:
        changed = node.args[0]
        assert isinstance(changed, fx.Node)
        apart = all(u is node or node < u or is_call(u, net, FRESH) for u in changed.users)
        if not (owns(changed, net) and apart):
            return "a sum in place, of what may share memory with something else, runs in float"
    return ""


def owns(node: fx.Node, net: nn.Module) -> bool:
    """Whether what a node puts out shares memory with nothing that others read."""
    if is_call(node, net, FRESH):
        return True
    before = node.args[0] if node.args else None
    return passes_on(node, net) and isinstance(before, fx.Node) and len(before.users) == 1 and owns(before, net)


def is_call(node: fx.Node, net: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a node calls a module of one of the kinds."""
    return node.op == "call_module" and isinstance(net.get_submodule(str(node.target)), kinds)


def is_sum(node: fx.Node, net: nn.Module, active: set[fx.Node]) -> bool:
    """Whether a node adds two activations."""
    if node.op == "call_module":
        return isinstance(net.get_submodule(str(node.target)), Add)
    added = node.op.startswith("call") and node.target in ADDS
    return added and len(node.all_input_nodes) >= 2 and all(a in active for a in node.args[:2])


def reaches_norm(node: fx.Node, net: nn.Module) -> bool:
    """Whether something that reads a sum next, but for activations and reshapes, is a norm, which runs in float."""
    for user in node.users:
        module = net.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, NORMS) or (user.op == "call_function" and "norm" in getattr(user.target, "__name__", "")):
            return True
        stops = isinstance(module, (*LAYERS, Add, nn.AdaptiveAvgPool2d)) or user.target in ADDS
        if not stops and reaches_norm(user, net):
            return True
    return False


def unread_convolutions(net: nn.Module, reading: set[str]) -> Iterator[str]:
    """Names of the convolutions of a traced network whose outputs go to something else than one of `reading`, which round what they read.

    A kernel of integers puts out integers: between it and what rounds its output there may be a ReLU, a maximum or a reshape, and nothing
    else.
    """
    if not isinstance(net, fx.GraphModule):
        return
    for node in net.graph.nodes:
        if is_call(node, net, (nn.Module,)) and str(node.target) in reading and not read_next(node, net, reading):
            yield str(node.target)


def read_next(node: fx.Node, net: nn.Module, reading: set[str]) -> bool:
    """Whether all that reads a node rounds it."""
    users = list(node.users)
    if all(u.op == "call_module" and str(u.target) in reading for u in users):
        return bool(users)
    return len(users) == 1 and passes_on(users[0], net) and read_next(users[0], net, reading)


def passes_on(node: fx.Node, net: nn.Module) -> bool:
    """Whether a node is one of the steps that integer kernels take along."""
    if node.op != "call_module":
        return node.target in PASSING_FUNCTIONS
    module = net.get_submodule(str(node.target))
    steps = list(module) if type(module) is nn.Sequential else [module]  # what a folded BatchNorm did besides, in timm's nets
    return all(type(step) in PASSING for step in steps)


def functions_of(net: nn.Module) -> dict[str, str]:
    """Names of the parameters that a traced network hands to functions that do what a layer or a norm does, each with the function's name."""
    if not isinstance(net, fx.GraphModule):
        return {}
    calls = {str(n.target): getattr(u.target, "__name__", "") for n in net.graph.nodes if n.op == "get_attr" for u in n.users}
    return {name: function for name, function in calls.items() if any(word in function for word in ("linear", "conv", "norm", "attention"))}
