"""Coverage report of a quantized network: each layer, sum and product with its format, and why it stays in float where it does."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from canforget.quantization.coverage import Coverage, LayerCoverage
from canforget.quantization.folding import FoldedClassifier
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.tracing import BATCH_NORMS, LAYERS, NORMS, functions_of, is_layer


@torch.no_grad()
def covered(root: FoldedClassifier, macs: dict[str, int], x: Tensor) -> Coverage:
    """The account of what was rounded and what was left; `x` is one image, on which all products are counted."""
    with FlopCounterMode(display=False) as counter:
        root(x)
    every = counter.get_total_flops() // 2
    layers = [*entries(root, macs), *sums(root)]
    if note := root.folding.note:
        reason = f"{note}: sums stay in float, and BatchNorm folds within nn.Sequential only, if at all"
        layers.append(LayerCoverage("forward", type(root.net).__name__, "-", "float32", 0, 0, reason))
    if (rest := every - sum(macs.values())) > 0:
        layers.append(LayerCoverage("(products)", "matmul", "-", "float32", 0, rest, "products of activations (attention) run in float"))
    return Coverage(tuple(layers), sum(p.numel() for p in root.parameters()), every)


def entries(root: FoldedClassifier, macs: dict[str, int]) -> Iterator[LayerCoverage]:
    """One entry for each rounded layer and for each module with parameters that was left in float."""
    inside: tuple[str, ...] = ()
    functions = {f"net.{name}": function for name, function in functions_of(root.net).items()}
    for name, module in root.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        if isinstance(module, QuantizedLayer):
            inside = (*inside, f"{name}.")
            reads = ", ".join(sorted({r.grid.label for r in module.reading()})) or "float32"
            weights = "-" if module.grid is None else f"{module.grid.label} {module.grid.granularity}"
            size = 0 if module.grid is None else module.weight.numel()
            yield LayerCoverage(name, type(module.layer).__name__, weights, reads, size, macs.get(name, 0))
        elif own and not name.startswith(inside):
            called = {functions[f"{name}.{key}"] for key, _ in module.named_parameters(recurse=False) if f"{name}.{key}" in functions}
            kind = type(module).__name__
            yield LayerCoverage(name, kind, "float32", "float32", own, macs.get(name, 0), why_in_float(module, called))


def sums(root: FoldedClassifier) -> Iterator[LayerCoverage]:
    """One entry for each sum of two activations that stays in float, and for whole layers of torch that keep their sums to themselves."""
    for name, reason in root.float_sums.items():
        yield LayerCoverage(name, "Add", "-", "float32", 0, 0, reason)
    for name, module in root.named_modules():
        if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            yield LayerCoverage(name, type(module).__name__, "-", "float32", 0, 0, "traced as a whole: its sums stay in float")


def why_in_float(module: nn.Module, functions: set[str]) -> str:
    """Why a module with parameters stays in float."""
    if functions:
        return f"handed to {', '.join(sorted(functions))} as a function, which nothing can round; write it as a module"
    if is_layer(module):
        return "not reached by the forward pass"
    if hasattr(module, "parametrizations") or (type(module) in LAYERS and "weight" not in module._parameters):
        return "its weight is computed anew before every call (weight_norm and the like); remove that first"
    if isinstance(module, LAYERS):
        return f"a {type(module).__name__} may use its weight in its own way"
    if isinstance(module, BATCH_NORMS):
        return "a BatchNorm that no layer of its own comes right before, or that normalizes tokens"
    if isinstance(module, NORMS):
        return "a normalization that follows no layer it could be folded into"
    if isinstance(module, nn.MultiheadAttention):
        return "attention with learned keys of its own is not split into linear layers"
    return "embeddings, tokens and scales of its own have no integer form here"
