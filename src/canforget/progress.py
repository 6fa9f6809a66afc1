"""What a long computation tells: how far it has come (to nobody, unless a listener was set) and lines that a person should see."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Sends the progress of everything computed inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def advance(fraction: float) -> None:
    """Tells the listener, if there is one, what fraction in [0, 1] of the current step is done.

    >>> seen = []
    >>> with listening(seen.append):
    ...     advance(0.5)
    >>> seen
    [0.5]
    """
    listener = _listener.get()
    if listener is not None:
        listener(fraction)


Meter = Callable[[str, float, int], None]
_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def measuring(meter: Meter) -> Iterator[None]:
    """Sends what trainings inside the block measure to `meter`: name, value, epoch."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


def metered() -> bool:
    """Whether anybody wants what a training measures; what is dear to know is not asked for otherwise."""
    return _meter.get() is not None


def measure(name: str, value: float, epoch: int) -> None:
    """Tells the meter, if there is one, a figure of an epoch.

    >>> seen = []
    >>> with measuring(lambda *told: seen.append(told)):
    ...     measure("loss", 0.5, 1)
    >>> seen
    [('loss', 0.5, 1)]
    """
    meter = _meter.get()
    if meter is not None:
        meter(name, value, epoch)


_noter: ContextVar[Callable[[str], None] | None] = ContextVar("noter", default=None)


@contextmanager
def noting(listener: Callable[[str], None]) -> Iterator[None]:
    """Sends the lines of everything inside the block to `listener` instead of standard error."""
    token = _noter.set(listener)
    try:
        yield
    finally:
        _noter.reset(token)


def note(line: str) -> None:
    """Says one line that is no error but that a person should see, such as a file that was found damaged and made again.

    >>> seen = []
    >>> with noting(seen.append):
    ...     note("a cache was damaged")
    >>> seen
    ['a cache was damaged']
    """
    listener = _noter.get()
    if listener is None:
        print(line, file=sys.stderr, flush=True)
    else:
        listener(line)
