"""Scales: values to places on a drawing, straight or logarithmic, and the ticks that a reader can count by."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` at places from `start` to `end`; values outside are held at the ends.

    >>> Scale(0, 1, 0, 100)(0.25), Scale(0.01, 1, 0, 100, log=True)(0.1)
    (25.0, 50.0)
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        a, b, v = (math.log10(max(x, 1e-300)) if self.log else x for x in (self.low, self.high, value))
        part = 0.5 if a == b else (v - a) / (b - a)
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values between the ends, at most so many; powers of ten where the scale is logarithmic.

        >>> Scale(0, 0.93, 0, 1).ticks(), Scale(1e-3, 1, 0, 1, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.001, 0.01, 0.1, 1.0])
        """
        if self.log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            return [10.0**p for p in powers][:: max(1, -(-len(powers) // most))]
        step = round_step(self.high - self.low, most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(k * step, 10) for k in range(first, last + 1)]


def round_step(length: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that cuts a length into at most so many parts."""
    if length <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(length / most))
    return next(k * power for k in (1, 2, 5, 10) if length / (k * power) <= most)


def room_around(values: Iterable[float], start: float, end: float, least: float = 1e-3, margin: float = 0.06) -> Scale:
    """A straight scale that holds all values with some room; of no values one from 0 to 1."""
    found = [v for v in values if math.isfinite(v)]
    if not found:
        return Scale(0, 1, start, end)
    low, high = min(found), max(found)
    room = max((high - low) * margin, least / 2)
    return Scale(low - room, high + room, start, end)


def tick_label(value: float) -> str:
    """A tick as it is read: no needless zeros.

    >>> [tick_label(v) for v in (0.0, 0.25, -1.0, 1e-5, 20000.0, 1e6)]
    ['0', '0.25', '−1', '1e-5', '20k', '1M']
    """
    if value and abs(value) < 1e-3:
        text = f"{value:.0e}".replace("e-0", "e-")
    else:
        size = next(((n, s) for n, s in ((1e9, "G"), (1e6, "M"), (1e4, "k")) if abs(value) >= n), (1, ""))
        text = f"{value / (1e3 if size[1] == 'k' else size[0]):.4g}{size[1]}"
    return text.replace("-", "−") if text.startswith("-") else text
