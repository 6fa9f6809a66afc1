"""Random streams: every generator is seeded from a name, and this is the only file that may touch a global seed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from torch import Generator


def seed_of(name: str) -> int:
    """Returns a seed in [0, 2^63) that is decided by `name` alone.

    >>> seed_of("train/0") == seed_of("train/0") != seed_of("train/1")
    True
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def generator(name: str) -> "Generator":
    """Returns a torch generator (on the CPU, so that every device sees the same stream) seeded from `name`."""
    import torch

    return torch.Generator().manual_seed(seed_of(name))


def numpy_generator(name: str) -> numpy.random.Generator:
    """Returns a numpy generator seeded from `name`."""
    return numpy.random.default_rng(seed_of(name))


@contextmanager
def global_stream(rng: "Generator") -> Iterator[None]:
    """Lends code that draws from torch's global state (dropout, weight initialization) a stream of `rng`, then puts the state back."""
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
        yield
