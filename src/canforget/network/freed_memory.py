"""Memory that tensors give back, kept for the next ones: taking pages from the system and giving them back is a third of a training step."""

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Settings in glibc's malloc.h: from how much free memory on it goes back to the system; which blocks are pages of their own, and how many may be."""
KEEPING, AFTERWARDS = {MMAP_MAX: 0, TRIM_THRESHOLD: -1}, {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}
"""The second as glibc would have it: it raises both thresholds by itself up to these as larger tensors are freed, and no more once one was set."""
TIGHT = {MMAP_THRESHOLD: 2**17, TRIM_THRESHOLD: 2**17}
"""Where memory is limited: as glibc begins, and never higher, so that no gaps between what is kept count against the limit."""
WITHIN = [0]
"""How many blocks of `freed_memory_kept` are open."""


@cache
def allocator() -> ctypes.CDLL | None:
    """The C library, where it is glibc and the user has not set its allocator."""
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version") else None


def limited() -> bool:
    """Whether the process may hold so much memory and no more (`ulimit -d`, `ulimit -v`): what is kept would count."""
    import resource

    limits = (resource.RLIMIT_DATA, resource.RLIMIT_AS)
    return any(resource.getrlimit(limit)[0] != resource.RLIM_INFINITY for limit in limits)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within the block freed memory stays with the process; at the end it goes back to the system, as it would have gone at once.

    A tensor of more than some megabytes is otherwise new pages each time, which the system blanks: on two cores a step of the speed net
    took 1.3 times as long. In a process with a memory limit of its own nothing is kept, and every larger tensor goes back at once. Does nothing
    but on Linux with glibc, nor where the environment sets the allocator (MALLOC_...) already.
    """
    WITHIN[0] += 1
    library = allocator() if WITHIN[0] == 1 else None
    within, afterwards = (TIGHT, TIGHT) if library is not None and limited() else (KEEPING, AFTERWARDS)
    if library is not None:
        set_all(library, within)
    try:
        yield
    finally:
        WITHIN[0] -= 1
        if library is not None:
            set_all(library, afterwards)
            library.malloc_trim(0)


def set_all(library: ctypes.CDLL, settings: Mapping[int, int]) -> None:
    """Sets the allocator."""
    for name, value in settings.items():
        library.mallopt(name, value)
