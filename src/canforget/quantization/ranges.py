"""Quantization ranges of weights and activations: min-max, percentile, least squared error, entropy."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from canforget.errors import SpecError
from canforget.quantization.grid import Grid, rounded, scales

RANGES = ("minmax", "percentile", "mse", "entropy")
SHRINK = torch.linspace(0.2, 1.0, 81)
"""The fractions of the full range among which the mean squared error or the divergence decides."""


@dataclass(frozen=True)
class RangeMethod:
    """How a range is chosen: everything ("minmax"), all but the tails beyond `percentile`, the least mean squared error, or entropy.

    "mse" searches the squared error of rounded values; weights are then stretched back to their length (`gain`). "entropy" keeps the range whose quantized histogram diverges least from the observed one; for weights, of which a channel has too
    few for a histogram, it means "minmax".
    """

    ranges: str = "minmax"
    percentile: float = 99.99

    def __post_init__(self) -> None:
        if self.ranges not in RANGES:
            raise SpecError(f"no ranges '{self.ranges}'; known: {', '.join(RANGES)}")
        if not 50 < self.percentile <= 100:
            raise SpecError(f"percentile must be above 50 and at most 100, not {self.percentile}")


def weight_range(blocks: Tensor, grid: Grid, clip: RangeMethod) -> tuple[Tensor, Tensor]:
    """Lowest and highest value [rows, blocks, 1] that the grid of each block has to reach; 0 is always between them."""
    low, high = blocks.amin(-1, keepdim=True).clamp(max=0), blocks.amax(-1, keepdim=True).clamp(min=0)
    if clip.ranges == "percentile":
        return tails(blocks, grid, clip.percentile / 100)
    if clip.ranges == "mse":
        fraction = least_error(blocks, None, low, high, grid)
        return low * fraction, high * fraction
    return low, high


def gain(blocks: Tensor, scale: Tensor, zero: Tensor | None, grid: Grid) -> Tensor:
    """How much the rounded values of each block are to be stretched so that their projection on the block's weight is the weight itself.

    Values of least squared error are shorter than what they stand for (the error stands at right angles to them): at four bits by 1.2 %
    in every layer of a ResNet-20. The layers' errors then all point the same way, and twenty of them take a fifth of the logits.

    >>> gain(torch.tensor([[[4.0, 2.0]]]), torch.tensor([[[1.0]]]), None, Grid(bits=3))
    tensor([[[1.2500]]])
    """
    values = rounded(blocks, scale, zero, grid)
    along = (values * blocks).sum(-1, keepdim=True)
    return torch.where(along > 0, blocks.square().sum(-1, keepdim=True) / along, 1.0)


def tails(blocks: Tensor, grid: Grid, fraction: float) -> tuple[Tensor, Tensor]:
    """The range that leaves `1 - fraction` of each block's magnitudes (for an affine grid: of either tail) outside."""
    last = blocks.shape[-1] - 1
    place = min(last, int(fraction * last + 0.5))
    if not grid.affine:
        amax = blocks.abs().sort(-1).values[..., place, None]
        return -amax, amax
    ordered = blocks.sort(-1).values
    return ordered[..., last - place, None].clamp(max=0), ordered[..., place, None].clamp(min=0)


def least_error(values: Tensor, counts: Tensor | None, low: Tensor, high: Tensor, grid: Grid) -> Tensor:
    """The fraction of the range, for each block, that rounds `values` (weighted by `counts`) with the least squared error."""
    best, kept = torch.full_like(high, torch.inf), torch.ones_like(high)
    for fraction in SHRINK.flip(0).tolist():
        scale, zero = scales(low * fraction, high * fraction, grid)
        squares = (rounded(values, scale, zero, grid) - values).square_()
        error = (squares if counts is None else squares * counts).sum(-1, keepdim=True)
        kept = torch.where(error < best, fraction, kept)
        best = torch.minimum(best, error)
    return kept


class Observer:
    """What a layer reads on the calibration images: its extremes in a first pass, a histogram between them in a second."""

    bins = 2048

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.seen = False
        self.counts: Tensor | None = None

    def see(self, x: Tensor) -> None:
        """Takes note of a batch."""
        self.seen = True
        if self.counts is None:
            low, high = torch.aminmax(x.detach().float())
            self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        elif self.high > self.low:
            self.counts += torch.histc(x.detach().float(), self.bins, self.low, self.high).to(self.counts)

    def look_closer(self) -> None:
        """Ends the first pass: from now on a histogram is kept."""
        self.counts = torch.zeros(self.bins, dtype=torch.float64)

    def range(self, grid: Grid, clip: RangeMethod) -> tuple[float, float]:
        """The range to quantize to; without a histogram, the extremes."""
        if self.counts is None or self.counts.sum() == 0 or clip.ranges == "minmax":
            return self.low, self.high
        if clip.ranges == "percentile":
            return self.without_tails(clip.percentile / 100)
        low, high = (torch.tensor([[[v]]]) for v in (self.low, self.high))
        if clip.ranges == "mse":
            fraction = float(least_error(self.centers.view(1, 1, -1), self.counts.float(), low, high, grid))
        else:
            fraction = min(clipping_divergences(self.counts, self.centers, self.low, self.high, grid))[1]
        return self.low * fraction, self.high * fraction

    @property
    def centers(self) -> Tensor:
        """The middles of the histogram's bins."""
        edges = torch.linspace(self.low, self.high, self.bins + 1, dtype=torch.float64)
        return ((edges[1:] + edges[:-1]) / 2).float()

    def without_tails(self, fraction: float) -> tuple[float, float]:
        """The range between the quantiles `1 - fraction` and `fraction`, with 0 inside."""
        assert self.counts is not None
        share = self.counts.cumsum(0) / self.counts.sum()
        width = (self.high - self.low) / self.bins
        first, last = (int(torch.searchsorted(share, q)) for q in (1 - fraction, fraction))
        return min(0.0, self.low + first * width), max(0.0, self.low + (last + 1) * width)


def clipping_divergences(counts: Tensor, centers: Tensor, low: float, high: float, grid: Grid) -> Iterator[tuple[float, float]]:
    """(KL(observed ‖ quantized) in nats, fraction of the range) for each fraction tried.

    The observed histogram is clipped to the range, its tails added to the outermost bins; the quantized one spreads the mass of each
    code evenly over the bins that hold anything and round to that code.

    Source: the calibration of Migacz, "8-bit Inference with TensorRT", GTC 2017, slides 31-38. Deviations: any grid, affine ones
    included; what a sample of so many values diverges from its own distribution by chance, (bins - codes) / 2n, is taken off, for
    else a small calibration set looks worse the less of it is clipped; exact zeros, which no grid moves, are not counted.
    """
    counts = without_zeros(counts, centers)
    for fraction in SHRINK.tolist():
        inside = ((centers >= low * fraction) & (centers <= high * fraction)).nonzero()
        if not len(inside):
            continue
        first, last = int(inside[0]), int(inside[-1])
        kept = counts[first : last + 1]
        clipped = kept.clone()
        clipped[0] += counts[:first].sum()
        clipped[-1] += counts[last + 1 :].sum()
        scale, zero = scales(torch.tensor(low * fraction), torch.tensor(high * fraction), grid)
        values = rounded(centers[first : last + 1], scale, zero, grid)
        spread = flattened(kept, values)
        p, q = clipped / clipped.sum(), spread / spread.sum().clamp(min=1)
        codes = 1 + int((values[kept > 0].diff() != 0).sum())
        by_chance = (int((kept > 0).sum()) - codes) / (2 * float(counts.sum()))
        yield float((p * (p.clamp(min=1e-12) / q.clamp(min=1e-12)).log()).sum()) - by_chance, fraction


def without_zeros(counts: Tensor, centers: Tensor) -> Tensor:
    """`counts` with as many in the bin that holds zero as in the fuller of its neighbours: the rest is what ReLU cut off.

    >>> without_zeros(torch.tensor([90.0, 4.0, 2.0]), torch.tensor([0.5, 1.5, 2.5]))
    tensor([4., 4., 2.])
    """
    zero = int(centers.abs().argmin())
    beside = torch.cat([counts[max(0, zero - 1) : zero], counts[zero + 1 : zero + 2]])
    mended = counts.clone()
    mended[zero] = torch.minimum(counts[zero], beside.max())
    return mended


def flattened(counts: Tensor, values: Tensor) -> Tensor:
    """`counts`, evened out over the occupied bins that share one of `values`, which ascend.

    >>> flattened(torch.tensor([4.0, 0.0, 2.0, 5.0]), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    tensor([3., 0., 3., 5.])
    """
    level = torch.cat([values.new_zeros(1), (values.diff() != 0).to(values)]).cumsum(0).long()
    held = (counts > 0).to(counts)
    empty = torch.zeros(int(level[-1]) + 1, dtype=counts.dtype)
    mass, bins = empty.index_add(0, level, counts), empty.index_add(0, level, held)
    return (mass / bins.clamp(min=1))[level] * held
