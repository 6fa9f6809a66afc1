import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from canforget.network import freed_memory
from canforget.network.freed_memory import WITHIN, allocator, freed_memory_kept


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What an allocator is asked, in order."""
    calls: list[tuple[Any, ...]] = []

    class Library:
        def mallopt(self, name: int, value: int) -> None:
            calls.append((name, value))

        def malloc_trim(self, rest: int) -> None:
            calls.append(("trim", rest))

    monkeypatch.setattr(freed_memory, "allocator", Library)
    return calls


def test_the_outermost_block_alone_changes_the_allocator_and_puts_it_back(asked: list[Any]) -> None:
    with freed_memory_kept():
        first = list(asked)
        with suppress(KeyError), freed_memory_kept():
            raise KeyError
        assert asked == first, "an inner block changed it"
    assert first == [(-4, 0), (-1, -1)]
    assert asked == [*first, (-4, 65_536), (-3, 32 * 2**20), (-1, 64 * 2**20), ("trim", 0)]
    assert WITHIN == [0]


def faults_of_tensors(mebibytes: int = 64) -> int:
    """How many pages the system had to give for ten tensors, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(mebibytes * 2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_process_with_a_limit_keeps_nothing(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps between what is kept count against the limit."""
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (2**28, resource.RLIM_INFINITY))
    with freed_memory_kept():
        assert asked == [(-3, 2**17), (-1, 2**17)]
    assert asked == [(-3, 2**17), (-1, 2**17)] * 2 + [("trim", 0)]


def resident() -> float:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.skipif(allocator() is None, reason="another allocator than glibc's, or the user's own settings of it")
def test_within_the_block_the_system_gives_pages_once_and_has_them_back_at_its_end() -> None:
    before, outside = resident(), faults_of_tensors()
    with freed_memory_kept():
        faults_of_tensors()
        assert faults_of_tensors() < outside / 5
        assert resident() > before + 32
    assert resident() < before + 32


@pytest.mark.skipif(allocator() is None, reason="another allocator than glibc's, or the user's own settings of it")
def test_after_the_block_tensors_of_some_megabytes_are_not_new_pages_each_time() -> None:
    """Setting a threshold stops glibc from raising it: whatever else the process did was a tenth slower after its first training."""
    with freed_memory_kept():
        faults_of_tensors(8)
    faults_of_tensors(8)
    assert faults_of_tensors(8) < 8 * 256


def test_settings_of_the_user_and_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setitem(os.environ, "MALLOC_ARENA_MAX", "1")
        allocator.cache_clear()
        assert allocator() is None
    with monkeypatch.context() as changed:
        changed.setattr(sys, "platform", "darwin")
        allocator.cache_clear()
        assert allocator() is None
        with freed_memory_kept():
            assert len(torch.ones(3)) == 3
    allocator.cache_clear()
