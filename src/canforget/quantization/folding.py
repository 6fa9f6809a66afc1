"""BatchNorm folded into the layer before it, and residual sums made modules: the network that quantizers round."""

import operator
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn

from canforget.network.classifier import Add, Classifier, Normalize

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)
ADDS = {operator.add, operator.iadd, torch.add, "add", "add_"}
SHAPES = {getattr, "size", "dim", "numel"}


@dataclass(frozen=True)
class Folded:
    """A copy of a network ready to be quantized: its root, why it could not be traced ("" when it was), its sums to leave in float."""

    root: "Classifier | Bare"
    untraced: str
    float_sums: tuple[str, ...]


class Bare(nn.Module):
    """A user's own network as `net` of a module that can say something about it, as a `Classifier` is for ours."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


def channel_axis(layer: nn.Module) -> int:
    """The axis of a layer's weight that counts its output channels (within a group, for transposed convolutions)."""
    return 1 if isinstance(layer, TRANSPOSED) else 0


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a convolution or linear layer itself, not a variant of one that may treat its weight in its own way."""
    return type(module) in LAYERS


def folded(model: nn.Module) -> Folded:
    """Returns a copy of `model` in evaluation mode without the BatchNorms that follow a convolution or linear layer.

    The network is traced with torch.fx, and residual sums become `Add` modules. What cannot be traced (control flow that depends on
    the data) keeps its sums as they are, and loses the BatchNorms that follow their layer within an `nn.Sequential`. Logits differ from
    the original's by float rounding only.
    """
    copy = deepcopy(model).eval()
    root = copy if isinstance(copy, Classifier) else Bare(copy)
    try:
        graph = NetTracer().trace(root.net)
    except Exception as problem:  # torch.fx runs the user's own forward, which may raise anything
        fold_(root.net, list(pairs_in_sequences(root.net)))
        return Folded(root, str(problem).split("\n")[0] or type(problem).__name__, ())
    fold_(root.net, list(pairs_in_graph(graph, root.net)))
    float_sums = tuple(f"net.{name}" for name in name_sums_(graph, root.net))
    root.net = fx.GraphModule(root.net, graph).eval()
    return Folded(root, "", float_sums)


class NetTracer(fx.Tracer):
    """Traces down to the modules that are quantized, folded or left in float as a whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether `m` is taken as one step of the graph."""
        return isinstance(m, (*NORMS, *LAYERS, Normalize, Add, nn.MultiheadAttention)) or super().is_leaf_module(m, module_qualified_name)


def pairs_in_graph(graph: fx.Graph, net: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of each layer that nothing but the BatchNorm after it reads, and of that BatchNorm; both used once."""
    calls = [n for n in graph.nodes if n.op == "call_module"]
    uses = {name: sum(n.target == name for n in calls) for name in {n.target for n in calls}}
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        names = str(before.target), str(node.target)
        if foldable(net.get_submodule(names[0]), net.get_submodule(names[1])) and uses[names[0]] == uses[names[1]] == 1:
            yield names


def pairs_in_sequences(net: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a layer and the BatchNorm next to it in an `nn.Sequential`."""
    for name, module in net.named_modules():
        if type(module) is nn.Sequential:
            children = [(f"{name}.{key}".lstrip("."), child) for key, child in module.named_children()]
            for (first, layer), (second, norm) in pairwise(children):
                if foldable(layer, norm):
                    yield first, second


def foldable(layer: nn.Module, norm: nn.Module) -> bool:
    """Whether `norm` is a BatchNorm with fixed statistics for as many channels as `layer` puts out."""
    if not is_layer(layer) or not isinstance(norm, BATCH_NORMS) or norm.running_mean is None:
        return False
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    return bool(outputs == norm.num_features)


def fold_(net: nn.Module, pairs: list[tuple[str, str]]) -> None:
    """Folds each BatchNorm named in `pairs` into its layer; what it did besides (timm's do an activation) takes its place."""
    for first, second in pairs:
        layer, norm = net.get_submodule(first), net.get_submodule(second)
        assert isinstance(layer, LAYERS)
        assert isinstance(norm, BATCH_NORMS)
        fold_into_(layer, norm)
        parent, _, attribute = second.rpartition(".")
        rest = [child for child in norm.children() if not isinstance(child, nn.Identity)]
        setattr(net.get_submodule(parent), attribute, nn.Sequential(*rest) if rest else nn.Identity())


def fold_into_(layer: Any, norm: Any) -> None:
    """Scales the weight and moves the bias of `layer` so that it does what `norm` did after it; computed in float64.

    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, equation 14.
    """
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    gain = (norm.weight.double() if norm.weight is not None else torch.ones_like(mean)) / (variance + norm.eps).sqrt()
    shift = norm.bias.double() if norm.bias is not None else torch.zeros_like(mean)
    bias = layer.bias.double() if layer.bias is not None else torch.zeros_like(mean)
    with torch.no_grad():
        layer.weight = nn.Parameter(scaled(layer, gain).to(layer.weight))
        layer.bias = nn.Parameter((shift + (bias - mean) * gain).to(layer.weight))


def scaled(layer: Any, gain: Tensor) -> Tensor:
    """The weight of `layer` in float64, each output channel times its `gain`."""
    weight: Tensor = layer.weight.double()
    if not isinstance(layer, TRANSPOSED):
        return weight * gain.view(-1, *[1] * (weight.ndim - 1))
    groups = weight.view(layer.groups, -1, *weight.shape[1:])
    return (groups * gain.view(layer.groups, 1, -1, *[1] * (weight.ndim - 2))).view_as(weight)


def name_sums_(graph: fx.Graph, net: nn.Module) -> list[str]:
    """Makes every sum of two activations in `graph` a call of an `Add` module; returns the names of those that a norm reads next."""
    active = activations(graph, net)
    float_sums = []
    for count, node in enumerate([n for n in graph.nodes if is_sum(n, net, active)]):
        if node.op != "call_module":
            name = f"sum_{count}"
            net.add_module(name, Add())
            with graph.inserting_after(node):
                call = graph.call_module(name, node.args[:2])
            node.replace_all_uses_with(call)
            graph.erase_node(node)
            node = call
        if reaches_norm(node, net):
            float_sums.append(str(node.target))
    return float_sums


def activations(graph: fx.Graph, net: nn.Module) -> set[fx.Node]:
    """The nodes that carry tensors computed from the input: not its shape, not a parameter."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        first = node.op == "placeholder" and not found
        computed = node.op.startswith("call") and node.target not in SHAPES and any(n in found for n in node.all_input_nodes)
        if first or computed:
            found.add(node)
    return found


def is_sum(node: fx.Node, net: nn.Module, active: set[fx.Node]) -> bool:
    """Whether a node adds two activations and does nothing else."""
    if node.op == "call_module":
        return isinstance(net.get_submodule(str(node.target)), Add)
    added = node.op.startswith("call") and node.target in ADDS and not node.kwargs and len(node.args) == 2
    return added and all(a in active for a in node.args)


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
