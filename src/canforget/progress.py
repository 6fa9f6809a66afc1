"""Who is told how far a long computation has come: nobody, unless a listener was set for the current context."""

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
