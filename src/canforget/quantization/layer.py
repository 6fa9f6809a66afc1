"""Quantized layers: integer codes and scales beside the float weight they stand for, and fake-quantized inputs and outputs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from canforget.errors import ArtifactError, did_you_mean
from canforget.quantization.grid import Codes, Grid, blocked, encode, rounded, scales, unblocked
from canforget.quantization.ranges import Observer, RangeMethod, gain, weight_range
from canforget.quantization.tracing import channel_axis


class ActivationQuantizer(nn.Module):
    """Per-tensor activation fake-quantizer; while it observes, it records ranges and rounds nothing."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.observer: Observer | None = None
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero_point", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.observer is not None:
            self.observer.see(x)
            return x
        return rounded(x, self.scale, self.zero_point if self.grid.affine else None, self.grid)

    def observe(self) -> Observer:
        """Starts looking on instead of rounding."""
        self.observer = Observer()
        return self.observer

    def settle(self, clip: RangeMethod) -> None:
        """Fixes the scale by what was observed and starts rounding."""
        assert self.observer is not None
        low, high = (torch.tensor(v) for v in self.observer.range(self.grid, clip))
        scale, zero = scales(low, high, self.grid)
        self.scale.copy_(scale)
        self.zero_point.copy_(torch.zeros(()) if zero is None else zero)
        self.observer = None


class QuantizedLayer(nn.Module):
    """A layer whose weight (if it has codes), inputs (if it has readers) and output (if it has a writer) lie on a grid; float32 inside."""

    codes: Tensor | None
    scale: Tensor | None
    zero_point: Tensor | None

    def __init__(self, layer: nn.Module, codes: Codes | None, readers: Iterable[ActivationQuantizer] = ()) -> None:
        super().__init__()
        self.layer = layer
        self.readers = nn.ModuleList(readers)
        self.writer: ActivationQuantizer | None = None
        self.grid = None if codes is None else codes.grid
        self.axis = 0 if codes is None else codes.axis
        for name in ("codes", "scale", "zero_point"):
            self.register_buffer(name, None if codes is None else getattr(codes, name))
        self.refresh_()

    def forward(self, *inputs: Tensor) -> Tensor:
        if len(self.readers):
            inputs = tuple(reader(x) for reader, x in zip(self.readers, inputs, strict=True))
        out: Tensor = self.layer(*inputs)
        return self.writer(out) if self.writer is not None else out

    def refresh_(self) -> None:
        """Sets the float weight to what the codes stand for."""
        for parameter in self.layer.parameters():
            parameter.requires_grad_(False)
        if (held := self.held()) is not None:
            self.layer.weight = nn.Parameter(held.values(), requires_grad=False)

    def reading(self) -> list[ActivationQuantizer]:
        """What rounds the inputs, in their order."""
        return [reader for reader in self.readers if isinstance(reader, ActivationQuantizer)]

    def held(self) -> Codes | None:
        """The rounded weight, if there is one."""
        if self.codes is None or self.scale is None or self.grid is None:
            return None
        return Codes(self.codes, self.scale, self.zero_point, self.grid, self.axis)

    def bias_unit(self) -> Tensor | None:
        """What a count in an integer kernel's sum stands for, by output channel: weight scale times input scale.

        None where no integers are summed, or where groups, a zero point or a transposed convolution's groups give a sum many units.
        """
        held, readers = self.held(), self.reading()
        if held is None or len(readers) != 1 or not (held.grid.kind == readers[0].grid.kind == "int"):
            return None
        channels, scale = self.channels(), held.scale.flatten()
        if not held.grid.symmetric or held.grid.granularity == "per_group" or len(scale) not in (1, channels):
            return None
        return scale.expand(channels) * readers[0].scale

    def channels(self) -> int:
        """Output channels of a layer with codes."""
        return int(getattr(self.layer, "out_channels", None) or self.weight.shape[0])

    @property
    def weight(self) -> Tensor:
        """The float weight on its grid."""
        return cast(Tensor, self.layer.weight)


def codes(model: nn.Module) -> dict[str, Codes]:
    """Returns the codes, scales and zero points of every quantized weight, by the name of its layer."""
    found = {name: module.held() for name, module in model.named_modules() if isinstance(module, QuantizedLayer)}
    return {name: held for name, held in found.items() if held is not None}


def codes_to_nearest(layer: nn.Module, grid: Grid, clip: RangeMethod) -> Codes:
    """Rounds a layer's weight to the nearest values of the grid, ties to even; a range of least squared error is stretched by `gain`."""
    axis, weight = channel_axis(layer), layer.weight
    assert isinstance(weight, Tensor)
    blocks = blocked(weight.detach().float(), axis, grid)
    scale, zero = scales(*weight_range(blocks, grid, clip), grid)
    held = encode(blocks, scale, zero, grid)
    if clip.ranges == "mse" and grid.scales == "float32":
        scale = scale * gain(blocks, scale, zero, grid)
    return coded(held, scale, zero, grid, weight.shape, axis)


def coded(blocks: Tensor, scale: Tensor, zero: Tensor | None, grid: Grid, shape: torch.Size, axis: int) -> Codes:
    """The codes of [rows, blocks, size] as those of a weight of the given shape."""
    return Codes(unblocked(blocks, shape, axis), scale.squeeze(-1), None if zero is None else zero.squeeze(-1), grid, axis)


@dataclass(frozen=True)
class LayerGrids:
    """Grids of a quantized layer: of its weight, of each of its inputs, of its output (None: left in float)."""

    weights: Grid | None
    readers: tuple[Grid, ...]
    writer: Grid | None = None


def layers_of(model: nn.Module) -> dict[str, LayerGrids]:
    """The grids of every quantized layer by its name."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, QuantizedLayer)}
    return {
        name: LayerGrids(m.grid, tuple(r.grid for r in m.reading()), None if m.writer is None else m.writer.grid)
        for name, m in layers.items()
    }


def set_layers_(root: nn.Module, layers: Mapping[str, LayerGrids]) -> None:
    """Puts quantized layers with these grids in the places of float ones; codes and scales are to be filled in.

    Raises:
        ArtifactError: The network has no such layer.
    """
    known = dict(root.named_modules())
    for name, grids in layers.items():
        if name not in known or (grids.weights and not isinstance(known[name].__dict__["_parameters"].get("weight"), Tensor)):
            raise ArtifactError(f"no layer '{name}' to quantize{did_you_mean(name, known)}; is it of this architecture?")
        layer = root.get_submodule(name)
        held = None if grids.weights is None else codes_to_nearest(layer, grids.weights, RangeMethod())
        made = QuantizedLayer(layer, held, [ActivationQuantizer(grid) for grid in grids.readers])
        made.writer = None if grids.writer is None else ActivationQuantizer(grids.writer)
        replace_(root, name, made)


def replace_(root: nn.Module, name: str, made: nn.Module) -> None:
    """Puts a module in the place of another, under every name that the other has."""
    old = root.get_submodule(name)
    for other in [n for n, module in root.named_modules(remove_duplicate=False) if module is old]:
        root.set_submodule(other, made)
