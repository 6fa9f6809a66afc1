"""Quantizing a network: fold, round the weights, then calibrate what layers read with the rounded weights in place."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from canforget.data.images import Images
from canforget.errors import DataError, SpecError
from canforget.network.classifier import Add
from canforget.quantization.coverage import Coverage, LayerCoverage
from canforget.quantization.folding import LAYERS, NORMS, TRANSPOSED, Folded, folded, is_layer
from canforget.quantization.grid import Codes, Grid, check_finite
from canforget.quantization.layer import ActivationQuantizer, QuantizedLayer, nearest
from canforget.quantization.ranges import RangeMethod

BATCH = 64
"""Images per calibration batch: a constant, so that results do not depend on memory."""
BIAS_TOP = 2**31 - 128
"""The largest float32 that a 32-bit integer holds."""
POOLS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d)

Rounder = Callable[[nn.Module, Grid, RangeMethod, Iterable[Tensor]], Codes]
"""How a layer's weight is rounded: gets the layer and, if it iterates, what the layer reads on the calibration images, batch by batch."""


@dataclass(frozen=True)
class Scheme:
    """What a quantizer rounds and how.

    Grids of weights, of what layers read (None: left in float), and of the first and last layer's weights (None: as the others).
    """

    weights: Grid
    activations: Grid | None = None
    clip: RangeMethod = field(default_factory=RangeMethod)
    ends: Grid | None = None
    bias_correction: bool = False


def to_nearest(layer: nn.Module, grid: Grid, clip: RangeMethod, inputs: Iterable[Tensor]) -> Codes:
    """The rounder that looks at nothing but the weight."""
    return nearest(layer, grid, clip)


def quantize(model: nn.Module, calibration: Images, scheme: Scheme, rounder: Rounder = to_nearest) -> nn.Module:
    """Returns a new network: BatchNorm folded, weights rounded, activations calibrated with the rounded weights in place, then biases.

    Calibration runs in evaluation mode on raw pixels, through the model's own normalization. What is rounded: convolutions and linear
    layers (weights, and what they read), and what residual sums and average pools read; what is not is listed by `coverage`.

    Raises:
        SpecError: The model is quantized already, or has no layer that could be.
        DataError: No calibration images.
        DivergedError: Weights that are not finite.
    """
    check(model, calibration)
    base = folded(model)
    root = base.root
    macs = survey(root, calibration)
    for place, name in enumerate(macs):
        grid = scheme.ends if scheme.ends is not None and place in (0, len(macs) - 1) else scheme.weights
        round_layer_(root, name, grid, scheme, calibration, rounder)
    if scheme.activations is not None:
        add_readers_(base, scheme.activations)
        calibrate_(root, calibration, scheme.clip)
        round_biases_(root)
    root.__dict__["coverage"] = covered(base, macs, calibration)
    return root.requires_grad_(False).eval()


def quantize_for_kernels(model: nn.Module, calibration: Images, clip: RangeMethod) -> nn.Module:
    """Returns `model` as the integer kernels of CPUs want it: symmetric 8-bit weights per channel, affine 8-bit activations."""
    scheme = Scheme(Grid("int", 8, "per_channel"), Grid("int", 8, "per_tensor", symmetric=False), clip)
    return quantize(model, calibration, scheme)


def round_layer_(root: nn.Module, name: str, grid: Grid, scheme: Scheme, calibration: Images, rounder: Rounder) -> None:
    """Puts the rounded layer in the place of the float one; layers that run before it are rounded already."""
    layer = root.get_submodule(name)
    check_finite(layer.weight, name)  # type: ignore[arg-type]
    held = rounder(layer, grid, scheme.clip, reads(root, layer, calibration))
    if scheme.bias_correction:
        correct_bias_(layer, held, reads(root, layer, calibration))
    root.set_submodule(name, QuantizedLayer(layer, held))


def check(model: nn.Module, calibration: Images) -> None:
    """Refuses what cannot be quantized before anything is computed."""
    if any(isinstance(m, QuantizedLayer) for m in model.modules()):
        raise SpecError("this model is quantized already; quantize the float model that it came from")
    if not any(is_layer(m) for m in model.modules()):
        raise SpecError("nothing to quantize: this model has no convolution or linear layer of torch.nn")
    if not len(calibration):
        raise DataError("calibration: no images; give some of the retain set (256 do)")


def pixels(root: nn.Module, calibration: Images) -> Iterator[Tensor]:
    """The calibration images, a batch at a time, where the network is."""
    device = next((t.device for t in [*root.parameters(), *root.buffers()]), calibration.x.device)
    for x, _ in calibration.batches(BATCH):
        yield x.to(device)


@torch.no_grad()
def survey(root: nn.Module, calibration: Images) -> dict[str, int]:
    """Names of all layers to quantize in the order in which they run, with their multiply-accumulates for one image."""
    order: dict[str, int] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def add(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            order[name] = order.get(name, 0) + products(layer, given[0], out)

        return add

    handles = [module.register_forward_hook(note(name)) for name, module in root.named_modules() if is_layer(module)]
    try:
        root(next(pixels(root, calibration[:1])))
    finally:
        for handle in handles:
            handle.remove()
    return order


def products(layer: Any, read: Tensor, out: Tensor) -> int:
    """Multiply-accumulates of a layer for one image."""
    positions = read[0].numel() if isinstance(layer, TRANSPOSED) else out[0].numel()
    return int(positions * layer.weight[0].numel())


class Reached(Exception):
    """Ends a forward pass at the layer of interest."""


@torch.no_grad()
def reads(root: nn.Module, layer: nn.Module, calibration: Images) -> Iterator[Tensor]:
    """What `layer` reads on the calibration images, batch by batch; nothing runs until asked for."""
    with catching(layer) as caught:
        for x in pixels(root, calibration):
            try:
                root(x)
            except Reached:
                yield caught.pop()


@contextmanager
def catching(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Within the block, a forward pass ends where it reaches `layer`, whose input is kept."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        caught.append(given[0])
        raise Reached

    handle = layer.register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()


@torch.no_grad()
def correct_bias_(layer: Any, held: Codes, inputs: Iterable[Tensor]) -> None:
    """Moves the bias of `layer` so that rounding its weight leaves the mean of each output channel as it was.

    Source: Nagel et al. 2019, https://arxiv.org/abs/1906.04721, section 4.2 (the empirical variant of its appendix D).
    """
    off = type(layer).forward
    error, weight, bias = held.values() - layer.weight, layer.weight, layer.bias
    total, count = torch.zeros((), dtype=torch.float64, device=weight.device), 0
    layer.weight, layer.bias = nn.Parameter(error), None
    for x in inputs:
        out = off(layer, x)
        channels = out.movedim(1 if out.ndim > 2 and not isinstance(layer, nn.Linear) else -1, 0).flatten(1)
        total, count = total + channels.double().sum(1), count + channels.shape[1]
    shift = (total / max(1, count)).to(weight)
    layer.weight, layer.bias = weight, nn.Parameter((0 if bias is None else bias) - shift)


def add_readers_(base: Folded, grid: Grid) -> None:
    """Makes rounded layers, residual sums and average pools round what they read, but for the sums that a norm reads next."""
    for name, module in list(base.root.named_modules()):
        if isinstance(module, QuantizedLayer):
            module.readers.append(ActivationQuantizer(grid))
        elif isinstance(module, Add) and name not in base.float_sums:
            base.root.set_submodule(name, QuantizedLayer(module, None, [ActivationQuantizer(grid), ActivationQuantizer(grid)]))
        elif type(module) in POOLS:
            base.root.set_submodule(name, QuantizedLayer(module, None, [ActivationQuantizer(grid)]))


@torch.no_grad()
def calibrate_(root: nn.Module, calibration: Images, clip: RangeMethod) -> None:
    """Shows the readers the calibration images (twice, if the ranges need a histogram), then fixes their scales."""
    readers = [m for m in root.modules() if isinstance(m, ActivationQuantizer)]
    observers = [reader.observe() for reader in readers]
    for x in pixels(root, calibration):
        root(x)
    if clip.ranges != "minmax":
        for observer in observers:
            observer.look_closer()
        for x in pixels(root, calibration):
            root(x)
    for reader in readers:
        reader.settle(clip)


@torch.no_grad()
def round_biases_(root: nn.Module) -> None:
    """Rounds biases to what integer kernels can add: multiples of weight scale times input scale, as 32-bit integers.

    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, section 2.4. The error is far below that of any weight, but a network of
    integers passes it on: without this, ResNet-20 simulated and in real kernels gave other answers for 6 images of 1,000.
    """
    for module in root.modules():
        if isinstance(module, QuantizedLayer) and isinstance(bias := getattr(module.layer, "bias", None), Tensor):
            unit = module.bias_unit()
            if unit is not None:
                bias.copy_((bias / unit).round().clamp(-BIAS_TOP, BIAS_TOP) * unit)


def covered(base: Folded, macs: dict[str, int], calibration: Images) -> Coverage:
    """The account of what was rounded and what was left."""
    root = base.root
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        root(next(pixels(root, calibration[:1])))
    every = counter.get_total_flops() // 2
    layers = [*entries(base, macs)]
    if base.untraced:
        reason = f"cannot be traced ({base.untraced}): sums stay in float, and BatchNorm folds within nn.Sequential only"
        layers.append(LayerCoverage("forward", type(root).__name__, "-", "float32", 0, 0, reason))
    if (rest := every - sum(macs.values())) > 0:
        layers.append(LayerCoverage("(products)", "matmul", "-", "float32", 0, rest, "products of activations (attention) run in float"))
    return Coverage(tuple(layers), sum(p.numel() for p in root.parameters()), every)


def entries(base: Folded, macs: dict[str, int]) -> Iterator[LayerCoverage]:
    """One entry for each rounded layer and for each module with parameters that was left in float."""
    inside: tuple[str, ...] = ()
    for name, module in base.root.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        if isinstance(module, QuantizedLayer):
            inside = (*inside, f"{name}.")
            reads = ", ".join(sorted({r.grid.label for r in module.reading()})) or "float32"
            weights = "-" if module.grid is None else f"{module.grid.label} {module.grid.granularity}"
            size = 0 if module.grid is None else module.weight.numel()
            yield LayerCoverage(name, type(module.layer).__name__, weights, reads, size, macs.get(name, 0))
        elif not name.startswith(inside) and (own or name in base.float_sums):
            reason = "feeds a normalization, which runs in float" if name in base.float_sums else reason_of(module)
            yield LayerCoverage(name, type(module).__name__, "float32" if own else "-", "float32", own, 0, reason)


def reason_of(module: nn.Module) -> str:
    """Why a module with parameters stays in float."""
    if is_layer(module):
        return "not reached by the forward pass"
    if isinstance(module, LAYERS):
        return f"a {type(module).__name__} may use its weight in its own way"
    if isinstance(module, NORMS):
        return "a normalization that follows no layer it could be folded into"
    return "embeddings, tokens and scales of its own have no integer form here"
