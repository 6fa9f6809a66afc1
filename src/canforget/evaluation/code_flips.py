"""Why rounding keeps or loses an update: codes flipped and update kept, layer by layer, from weights alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.errors import DataError
from canforget.evaluation.statistics import Floats

Weights = Mapping[str, NDArray[numpy.floating]]


@dataclass(frozen=True)
class Rounded:
    """A layer's integer codes, and the step between neighboring values, which may differ by channel (it broadcasts)."""

    codes: NDArray[numpy.int64]
    step: Floats

    @property
    def values(self) -> Floats:
        """What the codes stand for."""
        return self.codes * self.step


@dataclass(frozen=True)
class LayerFigures:
    """What rounding does to the update δ = unlearned - original of one layer; `None` where nothing was updated or rounded away.

    `flip_rate_shared` and `flip_rate_own`: fraction of codes that differ from the original's, rounded with the original's steps or with
    each model's own. `expected_flip_rate`: mean of min(1, |δ| / step). `retained_projection`: ⟨Q(u) - Q(o), δ⟩ / ‖δ‖²: 1 kept, 0 lost.
    `signal_to_noise`: ‖δ‖ / ‖Q(u) - u‖. `relative_update`: ‖δ‖ / ‖o‖.
    """

    weights: int
    flip_rate_shared: float
    flip_rate_own: float
    expected_flip_rate: float
    retained_projection: float | None
    signal_to_noise: float | None
    relative_update: float | None


@dataclass(frozen=True)
class Mechanism:
    """The figures of every layer, and of all layers as one."""

    layers: dict[str, LayerFigures]
    together: LayerFigures


def mechanism(original: Weights, unlearned: Weights, *, bits: int, per_channel: bool = True) -> Mechanism:
    """Figures for every array of two or more dimensions, rounded to symmetric integers; see `LayerFigures`.

    Limits: weights alone. Codes that are 98 % the original's may show nothing of the forgotten, and few common codes much of it: only
    predictions of the rounded models decide. |δ| < step / 2 does not imply the same code: where weights lie anywhere between two codes,
    P(flip) = min(1, |δ| / step), and the update survives on average.
    """
    names = [n for n in original if numpy.ndim(original[n]) >= 2]
    for n in names:
        if n not in unlearned or unlearned[n].shape != original[n].shape:
            raise DataError(f"{n}: missing or of another shape in the unlearned model; compare models of one architecture")
    if not names:
        raise DataError("no array of two or more dimensions: nothing that would be rounded")
    parts = {n: roundings(original[n], unlearned[n], bits, per_channel) for n in names}
    every = [numpy.concatenate([part[k].ravel() for part in parts.values()]) for k in range(len(parts[names[0]]))]
    return Mechanism({n: figures(*part) for n, part in parts.items()}, figures(*every))


def symmetric(weight: NDArray[numpy.floating], bits: int, per_channel: bool = True, step: Floats | None = None) -> Rounded:
    """Codes in -q..q of q = 2^(bits-1) - 1, with steps of amax / q (per first axis, or for the whole array) unless given.

    >>> symmetric(numpy.array([[7.0, -3.4, 0.4]]), bits=4).codes.tolist()
    [[7, -3, 0]]
    """
    w, top = weight.astype(numpy.float64), 2 ** (bits - 1) - 1
    if step is None:
        amax = abs(w).max(axis=tuple(range(1, w.ndim)) if per_channel else None, keepdims=True)
        step = numpy.where(amax > 0, amax / top, 1.0)
    return Rounded(numpy.clip(numpy.rint(w / step), -top, top).astype(numpy.int64), step)


def roundings(
    original: NDArray[numpy.floating], unlearned: NDArray[numpy.floating], bits: int, per_channel: bool
) -> tuple[NDArray[Any], ...]:
    """Both weights, the codes of both with their own steps and of the unlearned with the original's, both values, and the steps."""
    old, new = symmetric(original, bits, per_channel), symmetric(unlearned, bits, per_channel)
    shared = symmetric(unlearned, bits, per_channel, old.step)
    weights = (original.astype(numpy.float64), unlearned.astype(numpy.float64))
    return (*weights, old.codes, new.codes, shared.codes, old.values, new.values, numpy.broadcast_to(old.step, original.shape))


def figures(o: Floats, u: Floats, codes: Floats, own: Floats, shared: Floats, q_o: Floats, q_u: Floats, step: Floats) -> LayerFigures:
    """The figures of one layer from what `roundings` gives."""
    update = u - o
    size = float((update**2).sum())
    return LayerFigures(
        weights=o.size,
        flip_rate_shared=float((shared != codes).mean()),
        flip_rate_own=float((own != codes).mean()),
        expected_flip_rate=float(numpy.minimum(1.0, abs(update) / step).mean()),
        retained_projection=quotient(float(((q_u - q_o) * update).sum()), size),
        signal_to_noise=quotient(size**0.5, float(((q_u - u) ** 2).sum()) ** 0.5),
        relative_update=quotient(size**0.5, float((o**2).sum()) ** 0.5),
    )


def quotient(above: float, below: float) -> float | None:
    """above / below, or `None` where there is nothing to divide by."""
    return above / below if below > 0 else None
