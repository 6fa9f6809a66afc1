"""BatchNorm folding on a torch.fx graph, checked against the original network on images."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn

from canforget.errors import ArtifactError
from canforget.network.classifier import Architecture, Classifier
from canforget.network.weights import frozen
from canforget.quantization.attention import split_attention_
from canforget.quantization.tracing import BATCH_NORMS, LAYERS, TRANSPOSED, activations, is_layer, name_sums_, trace
from canforget.rng import generator

TOLERANCE = 1e-5
"""How far folded logits may be from the original's, relative to the largest: ten times what rounding to float32 does to deep networks."""
PROBED = 8
"""Images on which a folded network is compared with the original."""


@dataclass(frozen=True)
class Folding:
    """How a network was folded, which is all that it takes to fold another one of the same architecture alike (as a file must).

    `traced`: as a graph, so that sums are modules. `split`: attention with its projections as linear layers. `pairs`: the names of each
    layer and of the BatchNorm folded into it. `note`: why not all of this was done ("" when it was).
    """

    traced: bool
    split: bool
    pairs: tuple[tuple[str, str], ...] = ()
    note: str = ""


class FoldedClassifier(nn.Module):
    """A network without the BatchNorms that could be folded, behind its normalization (none for a user's own module).

    `float_sums` names the sums of two activations that stay in float, each with its reason.
    """

    def __init__(self, normalize: nn.Module, net: nn.Module, architecture: Architecture | None, folding: Folding) -> None:
        super().__init__()
        self.normalize = normalize
        self.net = net
        self.architecture = architecture
        self.folding = folding
        self.float_sums: dict[str, str] = {}
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(self.normalize(x))
        return logits


def folded(model: nn.Module, x: Tensor | None = None) -> FoldedClassifier:
    """Returns a copy of `model` in evaluation mode without the BatchNorms that follow a convolution or linear layer.

    The network is traced with torch.fx, residual sums become `Add` modules, and attention that keeps its projections to itself is written
    with linear layers. The copy is asked about a few images beside the original: answers that differ by more than a hundred-thousandth are
    those of another network, and then less is done, down to a plain copy; so it is where a network cannot be traced. `folding.note` tells.

    Args:
        x: Raw pixels to compare on; default: random ones, if the model knows its architecture. Without any, nothing is compared, and only
            BatchNorms after convolutions are folded.
    """
    x = noise_images(model) if x is None else x[:PROBED]
    read, notes = ranks(model, x), ""
    for traced, split in ((True, True), (False, True), (False, False)):
        plan = Folding(traced, split, note=notes)
        try:
            made = fold(model, plan, read)
        except Exception as problem:  # torch.fx runs the user's own forward, which may raise anything
            notes = f"cannot be traced ({str(problem).splitlines()[0] if str(problem) else type(problem).__name__})"
            continue
        if x is None or answers_alike(model, made, x):
            return made
        notes = "traced, it answers otherwise" if traced else notes or "folded, it answers otherwise"
    return refolded(model, Folding(False, False, note=notes))


def refolded(model: nn.Module, folding: Folding) -> FoldedClassifier:
    """Returns `model` folded as another one of its architecture was.

    Raises:
        ArtifactError: Another architecture: its network cannot be traced, or has no such layers.
    """
    try:
        return fold(model, folding, None)
    except Exception as problem:  # torch.fx runs the user's own forward, which may raise anything
        raise ArtifactError(f"cannot be folded as told ({str(problem).partition(chr(10))[0]}); is it of this architecture?") from None


def fold(model: nn.Module, plan: Folding, read: dict[str, int] | None) -> FoldedClassifier:
    """`model` folded by a plan: its pairs, or (told the ranks of what BatchNorms read) those found."""
    normalize, net, architecture = pieces(deepcopy(model).eval())
    if plan.split:
        split_attention_(net)
    graph = trace(net) if plan.traced else None
    pairs = plan.pairs
    if read is not None:
        found = pairs_in_graph(graph, net) if graph is not None else pairs_in_sequences(net)
        pairs = tuple((a, b) for a, b in found if foldable(net.get_submodule(a), net.get_submodule(b), read.get(b)))
    fold_(net, pairs)
    sums = {} if graph is None else name_sums_(graph, net, activations(graph, net))
    made = FoldedClassifier(
        normalize,
        net if graph is None else fx.GraphModule(net, graph),
        architecture,
        Folding(plan.traced, plan.split, pairs, plan.note),
    )
    made.float_sums = {f"net.{name}": reason for name, reason in sums.items()}
    return made


def pieces(model: nn.Module) -> tuple[nn.Module, nn.Module, Architecture | None]:
    """Normalization, net and architecture of a model; a user's own module is a net that takes pixels."""
    if type(model) is Classifier or isinstance(model, FoldedClassifier):
        return model.normalize, model.net, model.architecture
    return nn.Identity(), model, None


def noise_images(model: nn.Module) -> Tensor | None:
    """A few images of noise, the same every time, of the shape that the model's architecture names; None if it names none."""
    known = getattr(model, "architecture", None)
    if not isinstance(known, Architecture):
        return None
    return torch.randint(0, 256, (2, *known.image_shape), generator=generator("folding"), dtype=torch.uint8)


@torch.no_grad()
def ranks(model: nn.Module, x: Tensor | None) -> dict[str, int]:
    """The number of dimensions of what each BatchNorm of the net reads, by its name; nothing without images."""
    found: dict[str, int] = {}
    if x is None:
        return found
    copy = frozen(model)
    net = pieces(copy)[1]
    for name, module in net.named_modules():
        if isinstance(module, BATCH_NORMS):
            module.register_forward_pre_hook(lambda _, given, name=name: found.update({name: given[0].ndim}))
    copy(on_device(x, copy))
    return found


def on_device(x: Tensor, model: nn.Module) -> Tensor:
    """Images where the model is."""
    return x.to(next((t.device for t in [*model.parameters(), *model.buffers()]), x.device))


@torch.no_grad()
def answers_alike(model: nn.Module, made: nn.Module, x: Tensor) -> bool:
    """Whether two networks answer alike, but for rounding: where float32 leaves a doubt, float64 decides."""
    if relative_error(model, made, x) <= TOLERANCE:
        return True
    try:
        return relative_error(deepcopy(model).double(), deepcopy(made).double(), x) <= TOLERANCE
    except (RuntimeError, TypeError):  # what insists on float32, or a device without float64
        return False


def relative_error(model: nn.Module, made: nn.Module, x: Tensor) -> float:
    """Largest difference of the logits of two networks, relative to the largest logit; infinite where only one of them has a number."""
    exact, found = (frozen(m)(on_device(x, m)).double() for m in (model, made))
    if exact.shape != found.shape or not torch.equal(exact.isfinite(), found.isfinite()):
        return torch.inf
    kept = exact.isfinite()
    if not bool(kept.any()):
        return 0.0
    return float((found - exact)[kept].abs().max() / exact[kept].abs().max().clamp(min=torch.finfo(torch.float32).tiny))


def pairs_in_graph(graph: fx.Graph, net: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of each module that nothing but the BatchNorm after it reads, and of that BatchNorm; both used once."""
    calls = [n for n in graph.nodes if n.op == "call_module"]
    uses = {name: sum(n.target == name for n in calls) for name in {n.target for n in calls}}
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        names = str(before.target), str(node.target)
        if isinstance(net.get_submodule(names[1]), BATCH_NORMS) and uses[names[0]] == uses[names[1]] == 1:
            yield names


def pairs_in_sequences(net: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a module and the BatchNorm next to it in an `nn.Sequential`, neither of which has another name."""
    names = [id(module) for _, module in net.named_modules(remove_duplicate=False)]
    for name, module in net.named_modules():
        if type(module) is nn.Sequential:
            children = [(f"{name}.{key}".lstrip("."), child) for key, child in module.named_children()]
            for (first, layer), (second, norm) in pairwise(children):
                if isinstance(norm, BATCH_NORMS) and names.count(id(layer)) == names.count(id(norm)) == 1:
                    yield first, second


def foldable(layer: nn.Module, norm: nn.Module, rank: int | None) -> bool:
    """Whether `norm` is a BatchNorm with fixed statistics that normalizes the outputs of `layer`, channel by channel.

    After a linear layer it does so in two dimensions only: in three it normalizes tokens, which may be as many as features.
    """
    if not is_layer(layer) or not isinstance(norm, BATCH_NORMS) or norm.running_mean is None:
        return False
    if isinstance(layer, nn.Linear):
        return rank == 2 and bool(layer.out_features == norm.num_features)
    assert isinstance(layer, LAYERS)
    return rank in (None, layer.weight.ndim) and bool(layer.out_channels == norm.num_features)


def fold_(net: nn.Module, pairs: tuple[tuple[str, str], ...]) -> None:
    """Folds each BatchNorm named in `pairs` into its layer; what it did besides (timm's do an activation) takes its place."""
    for first, second in pairs:
        layer, norm = net.get_submodule(first), net.get_submodule(second)
        if not (is_layer(layer) and isinstance(norm, BATCH_NORMS)):
            raise ArtifactError(f"no BatchNorm '{second}' after a layer '{first}'")
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
        layer.weight = nn.Parameter(channels_scaled(layer, gain).to(layer.weight))
        layer.bias = nn.Parameter((shift + (bias - mean) * gain).to(layer.weight))


def channels_scaled(layer: Any, gain: Tensor) -> Tensor:
    """The weight of `layer` in float64, each output channel times its `gain`."""
    weight: Tensor = layer.weight.double()
    if not isinstance(layer, TRANSPOSED):
        return weight * gain.view(-1, *[1] * (weight.ndim - 1))
    groups = weight.view(layer.groups, -1, *weight.shape[1:])
    return (groups * gain.view(layer.groups, 1, -1, *[1] * (weight.ndim - 2))).view_as(weight)
