"""Quantization grids (integers, float8, float4, NF4): scales, zero points, encode, decode; pure functions on tensors."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from canforget.errors import DivergedError, SpecError

TINY = torch.finfo(torch.float32).tiny
TOPS = {"e4m3": 448.0, "e5m2": 57344.0, "e2m1": 6.0, "nf4": 1.0, "bfloat16": 1.0, "float16": 1.0}
DTYPES = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2, "bfloat16": torch.bfloat16, "float16": torch.float16}
TABLES = {
    "e2m1": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0),
    "nf4": (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
            -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
            0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
}  # fmt: skip
"""Values by code: e2m1 as in the OCP MX specification 1.0 (sign bit on top), nf4 as in appendix E of the QLoRA paper."""


@dataclass(frozen=True)
class Grid:
    """The values that codes may stand for, and how far a scale reaches.

    `kind` is "int", a float8 ("e4m3", "e5m2"), a four-bit float ("e2m1"), "nf4", or a cast ("bfloat16", "float16"). Integers are
    symmetric (codes -q..q, so that zero stays zero), symmetric over the `full_range` (-q-1..q, scale amax / (q + 1/2)), or affine
    (0..2^bits-1 with a zero point). One scale holds per tensor, per output channel, or per group of `group_size` weights of the
    flattened input dimension. `scales` is the format of the scales themselves: "float32", "e8m0" (powers of two), "e4m3".
    """

    kind: str = "int"
    bits: int = 8
    granularity: str = "per_channel"
    group_size: int = 0
    symmetric: bool = True
    full_range: bool = False
    scales: str = "float32"

    def __post_init__(self) -> None:
        if self.kind != "int" and self.kind not in TOPS:
            raise SpecError(f"no format '{self.kind}'; known: int, {', '.join(TOPS)}")
        if self.kind == "int" and not 2 <= self.bits <= 8:
            raise SpecError(f"bits must be 2 to 8, not {self.bits}")
        if self.granularity not in ("per_tensor", "per_channel", "per_group"):
            raise SpecError(f"no granularity '{self.granularity}'; known: per_tensor, per_channel, per_group")
        if self.granularity == "per_group" and self.group_size < 1:
            raise SpecError("per_group needs a group_size of at least 1")

    @property
    def levels(self) -> int:
        """How many integers `bits` can count."""
        return 1 << self.bits

    @property
    def low(self) -> int:
        """The lowest integer code."""
        return 0 if not self.symmetric else int(not self.full_range) - self.levels // 2

    @property
    def high(self) -> int:
        """The highest integer code."""
        return self.levels - 1 if not self.symmetric else self.levels // 2 - 1

    @property
    def lowest(self) -> int:
        """The lowest code of any kind of grid, from which packed codes count."""
        return self.low if self.kind == "int" else 0

    @property
    def top(self) -> float:
        """What the largest magnitude is scaled to, on a grid without zero point."""
        if self.kind != "int":
            return TOPS[self.kind]
        return (self.levels - 1) / 2 if self.full_range else float(self.high)

    @property
    def affine(self) -> bool:
        """Whether codes are counted from a zero point."""
        return self.kind == "int" and not self.symmetric

    @property
    def label(self) -> str:
        """The format in a word, as tables print it.

        >>> Grid(bits=4).label, Grid("e4m3").label
        ('int4', 'float8_e4m3')
        """
        return {"int": f"int{self.bits}", "e4m3": "float8_e4m3", "e5m2": "float8_e5m2", "e2m1": "float4_e2m1"}.get(self.kind, self.kind)


@dataclass(frozen=True)
class Codes:
    """A rounded weight: codes in the weight's shape, scale (and zero point) [rows, blocks], the grid, the axis of output channels."""

    codes: Tensor
    scale: Tensor
    zero_point: Tensor | None
    grid: Grid
    axis: int = 0

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return self.grid.bits

    def values(self) -> Tensor:
        """The float32 weight that the codes stand for, in its shape."""
        blocks = blocked(self.codes, self.axis, self.grid)
        zero = None if self.zero_point is None else self.zero_point.unsqueeze(-1)
        return unblocked(decode(blocks, self.scale.unsqueeze(-1), zero, self.grid), self.codes.shape, self.axis)


def blocked(weight: Tensor, axis: int, grid: Grid) -> Tensor:
    """The weight as [rows, blocks, size], so that a scale belongs to the last dimension; the last group is padded with zeros.

    >>> blocked(torch.zeros(8, 3, 3, 3), 0, Grid(granularity="per_group", group_size=16)).shape
    torch.Size([8, 2, 16])
    """
    if grid.granularity == "per_tensor":
        return weight.movedim(axis, 0).reshape(1, 1, -1)
    matrix = weight.movedim(axis, 0).flatten(1)
    if grid.granularity == "per_channel":
        return matrix.unsqueeze(1)
    padding = -matrix.shape[1] % grid.group_size
    padded = torch.cat([matrix, matrix.new_zeros(len(matrix), padding)], dim=1)
    return padded.view(len(matrix), -1, grid.group_size)


def unblocked(blocks: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """Undoes `blocked`: contiguous, in the weight's shape."""
    moved = torch.Size((shape[axis], *shape[:axis], *shape[axis + 1 :]))
    columns = moved[1:].numel()
    return blocks.reshape(moved[0], -1)[:, :columns].reshape(moved).movedim(0, axis).contiguous()


def scales(low: Tensor, high: Tensor, grid: Grid) -> tuple[Tensor, Tensor | None]:
    """Scale and zero point of a grid that reaches from `low` to `high`, which must include 0; an empty range gets scale 1.

    >>> scales(torch.tensor(-1.0), torch.tensor(2.0), Grid(bits=2, symmetric=False))
    (tensor(1.), tensor(1.))
    """
    if grid.affine:
        scale = safe((high - low) / grid.high)
        return scale, (-low / scale).round().clamp(grid.low, grid.high)
    if grid.kind in ("bfloat16", "float16"):
        return torch.ones_like(high), None
    return block_scales(torch.maximum(-low, high), grid), None


def block_scales(amax: Tensor, grid: Grid) -> Tensor:
    """Scales of a symmetric grid, rounded to the format in which they are stored.

    "e8m0" takes the power of two that the OCP MX specification prescribes (section 6.3: floor of the exponent of amax, less that of the
    grid's top), "e4m3" a float8 times one number for the whole tensor, as NVFP4 does (here a bfloat16, not below the exact one, so that the
    products are exact and the largest ratio is the top of e4m3).
    """
    if grid.scales == "e8m0":
        exponent = torch.frexp(amax.clamp(min=TINY)).exponent - 1 - int(torch.frexp(torch.tensor(grid.top)).exponent - 1)
        return torch.where(amax > 0, torch.ldexp(torch.ones_like(amax), exponent.clamp(-126, 127)), 1.0)
    if grid.scales == "e4m3":
        exact = safe(amax.max() / (grid.top * TOPS["e4m3"]))
        whole = (exact * (1 + 2.0**-8)).to(torch.bfloat16).float()
        ratio = (amax / grid.top / whole).clamp(max=TOPS["e4m3"]).to(torch.float8_e4m3fn).float()
        return torch.where(amax.max() > 0, ratio.clamp(min=2.0**-9), TOPS["e4m3"]) * whole
    return safe(amax / grid.top)


def safe(scale: Tensor) -> Tensor:
    """Scales without zeros: 1 where there is nothing to scale, never below the smallest normal float32."""
    return torch.where(scale > 0, scale.clamp(min=TINY), 1.0)


@cache
def table(kind: str) -> tuple[Tensor, Tensor]:
    """The sorted values of a table format, and the points halfway between them."""
    values = torch.tensor(sorted(TABLES[kind])[1 if kind == "e2m1" else 0 :])
    return values, (values[1:] + values[:-1]) / 2


def encode(x: Tensor, scale: Tensor, zero_point: Tensor | None, grid: Grid) -> Tensor:
    """Codes of `x` (int8 or uint8; int16 for the casts): to nearest, ties to even; what lies beyond the grid becomes its end."""
    if grid.kind == "int":
        rounded = (x / scale).round_() if zero_point is None else (x / scale).round_().add_(zero_point)
        return rounded.clamp_(grid.low, grid.high).to(torch.int8 if grid.symmetric else torch.uint8)
    if grid.kind in ("bfloat16", "float16"):
        return x.clamp(torch.finfo(DTYPES[grid.kind]).min, torch.finfo(DTYPES[grid.kind]).max).to(DTYPES[grid.kind]).view(torch.int16)
    if grid.kind in DTYPES:
        return (x / scale).clamp_(-grid.top, grid.top).to(DTYPES[grid.kind]).view(torch.uint8)
    return encode_table(x / scale, grid.kind)


def encode_table(scaled: Tensor, kind: str) -> Tensor:
    """Codes of the nearest values of a table; e2m1 breaks ties towards the even mantissa, as IEEE 754 does."""
    values, halfway = (t.to(scaled.device) for t in table(kind))
    if kind == "nf4":
        return torch.bucketize(scaled, halfway).to(torch.uint8)
    magnitudes, between = values[values >= 0], halfway[halfway > 0]
    below, above = (torch.bucketize(scaled.abs(), between, right=right) for right in (False, True))
    code = torch.where(below % 2 == 0, below, above).clamp(max=len(magnitudes) - 1)
    return (code + 8 * (scaled < 0)).to(torch.uint8)


def decode(codes: Tensor, scale: Tensor, zero_point: Tensor | None, grid: Grid) -> Tensor:
    """The float32 values that codes stand for."""
    if grid.kind == "int":
        counted = codes.float() if zero_point is None else codes.float() - zero_point
        return counted * scale
    if grid.kind in DTYPES:
        values = codes.view(DTYPES[grid.kind]).float()
        return values if grid.kind in ("bfloat16", "float16") else values * scale
    return torch.tensor(TABLES[grid.kind], device=codes.device)[codes.long()] * scale


def rounded(x: Tensor, scale: Tensor, zero_point: Tensor | None, grid: Grid) -> Tensor:
    """`x` on the grid: `decode(encode(x))` without the detour through integers, differing in nothing.

    >>> rounded(torch.tensor([0.3, 0.9, 7.0]), torch.tensor(0.5), torch.tensor(0.0), Grid(bits=2, symmetric=False))
    tensor([0.5000, 1.0000, 1.5000])
    """
    if grid.kind != "int":
        return decode(encode(x, scale, zero_point, grid), scale, zero_point, grid)
    if zero_point is None:
        return (x / scale).round_().clamp_(grid.low, grid.high).mul_(scale)
    return (x / scale).round_().add_(zero_point).clamp_(grid.low, grid.high).sub_(zero_point).mul_(scale)


def check_finite(weight: Tensor, where: str) -> None:
    """Refuses weights that diverged: there is no grid for them."""
    if not bool(torch.isfinite(weight).all()):
        raise DivergedError(f"{where}: weights are not finite, so they cannot be quantized; train again with a lower learning rate")
