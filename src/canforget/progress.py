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
