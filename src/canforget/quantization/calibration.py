"""Post-training quantization: fold BatchNorm, round the weights, then calibrate activation ranges with the rounded weights in place."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.errors import DataError, SpecError
from canforget.network.classifier import Add
from canforget.quantization.account import covered
from canforget.quantization.folding import FoldedClassifier, folded
from canforget.quantization.grid import Codes, Grid, check_finite
from canforget.quantization.layer import ActivationQuantizer, QuantizedLayer, codes_to_nearest, replace_
from canforget.quantization.quantized import QuantizedClassifier, quantized, require_float
from canforget.quantization.ranges import RangeMethod
from canforget.quantization.tracing import CONVOLUTIONS, POOLS, TRANSPOSED, is_layer, unread_convolutions

BATCH = 64
"""Images per calibration batch: a constant, so that results do not depend on memory."""
BIAS_TOP = 2**31 - 128
"""The largest float32 that a 32-bit integer holds."""

Rounder = Callable[[nn.Module, Grid, RangeMethod, Iterable[Tensor]], Codes]
"""How a layer's weight is rounded: gets the layer and, if it iterates, what the layer reads on the calibration images, batch by batch."""


@dataclass(frozen=True)
class Scheme:
    """What a quantizer rounds and how.

    Grids of weights, of what layers read (None: left in float), and of the first and last layer's weights (None: as the others).
    `between`: whether residual sums and average pools round what they read, and convolutions what they put out where no layer that
    rounds reads it next, as integer kernels must; kernels for floats leave all that alone.
    """

    weights: Grid
    activations: Grid | None = None
    clip: RangeMethod = field(default_factory=RangeMethod)
    ends: Grid | None = None
    bias_correction: bool = False
    between: bool = True


def to_nearest(layer: nn.Module, grid: Grid, clip: RangeMethod, inputs: Iterable[Tensor]) -> Codes:
    """The rounder that looks at nothing but the weight."""
    return codes_to_nearest(layer, grid, clip)


def quantize_by_scheme(model: nn.Module, calibration: Images, scheme: Scheme, rounder: Rounder = to_nearest) -> QuantizedClassifier:
    """Returns a new network: BatchNorm folded, weights rounded, activations calibrated with the rounded weights in place, then biases.

    Calibration runs in evaluation mode on raw pixels, through the model's own normalization. What is rounded: convolutions and linear
    layers (weights, and what they read), and what the scheme says of what lies between them; what is not is listed by `coverage`.

    Raises:
        SpecError: The model is quantized already, or has no layer that could be.
        DataError: No calibration images.
        DivergedError: Weights that are not finite.
    """
    check(model, calibration)
    root = folded(model, next(pixels(model, calibration)))
    macs = survey(root, calibration)
    for place, name in enumerate(macs):
        grid = scheme.ends if scheme.ends is not None and place in (0, len(macs) - 1) else scheme.weights
        round_layer_(root, name, grid, scheme, calibration, rounder)
    if scheme.activations is not None:
        add_readers_(root, scheme.activations, scheme.between)
        calibrate_(root, calibration, scheme.clip)
        round_biases_(root)
    return quantized(root, covered(root, macs, next(pixels(root, calibration[:1]))))


def quantize_for_kernels(model: nn.Module, calibration: Images, clip: RangeMethod) -> QuantizedClassifier:
    """Returns `model` as the integer kernels of CPUs want it: symmetric 8-bit weights per channel, affine 8-bit activations."""
    scheme = Scheme(Grid("int", 8, "per_channel"), Grid("int", 8, "per_tensor", symmetric=False), clip)
    return quantize_by_scheme(model, calibration, scheme)


def round_layer_(root: nn.Module, name: str, grid: Grid, scheme: Scheme, calibration: Images, rounder: Rounder) -> None:
    """Puts the rounded layer in the place of the float one; layers that run before it are rounded already."""
    layer = root.get_submodule(name)
    check_finite(cast(Tensor, layer.weight), name)
    held = rounder(layer, grid, scheme.clip, reads(root, layer, calibration))
    if scheme.bias_correction:
        correct_bias_(layer, held, reads(root, layer, calibration))
    replace_(root, name, QuantizedLayer(layer, held))


def check(model: nn.Module, calibration: Images) -> None:
    """Refuses what cannot be quantized before anything is computed."""
    require_float(model, "quantize")
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


def add_readers_(root: FoldedClassifier, grid: Grid, between: bool) -> None:
    """Makes rounded layers round what they read, and what lies between them rounded where asked, but for sums that stay in float."""
    for name, module in list(root.named_modules()):
        if isinstance(module, QuantizedLayer):
            module.readers.append(ActivationQuantizer(grid))
        elif between and isinstance(module, Add) and name not in root.float_sums:
            replace_(root, name, QuantizedLayer(module, None, [ActivationQuantizer(grid), ActivationQuantizer(grid)]))
        elif between and type(module) in POOLS:
            replace_(root, name, QuantizedLayer(module, None, [ActivationQuantizer(grid)]))
    if between and grid.kind == "int":
        add_writers_(root, grid)


def add_writers_(root: FoldedClassifier, grid: Grid) -> None:
    """Makes convolutions whose results go elsewhere than to a layer that rounds them (SiLU, a norm, a concatenation) round them."""
    reading = {name: m for name, m in root.net.named_modules() if isinstance(m, QuantizedLayer)}
    for name in unread_convolutions(root.net, set(reading)):
        if isinstance(reading[name].layer, CONVOLUTIONS):
            reading[name].writer = ActivationQuantizer(grid)


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
