"""How much memory this process may use: what the machine has, or what a control group or a resource limit leaves of it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNKNOWN = 8 * 2**30
"""Taken for a machine that does not tell its memory (Windows does so in another way)."""
RESOURCE_LIMITS = ("RLIMIT_AS", "RLIMIT_DATA")


def memory_limit(root: Path = Path("/")) -> int:
    """The bytes of memory that this process may use: the least that anybody says; `root` is where /proc and /sys lie.

    >>> 2**20 < memory_limit() < 2**50
    True
    """
    return min([*of_the_machine(), *of_control_groups(root), *of_resources()], default=UNKNOWN)


def of_the_machine() -> Iterator[int]:
    """The memory that the machine has."""
    with suppress(AttributeError, ValueError, OSError):
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def of_control_groups(root: Path) -> Iterator[int]:
    """What the control groups that the process is in allow, of the second version or of the first, each with the groups around it."""
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            top, name = ("sys/fs/cgroup/memory", "memory.limit_in_bytes") if controllers else ("sys/fs/cgroup", "memory.max")
            inside = Path(group.lstrip("/"))
            for place in (inside, *inside.parents):
                with suppress(OSError, ValueError):
                    yield int((root / top / place / name).read_text())


def of_resources() -> Iterator[int]:
    """What the limits of the process (`ulimit -v`, `ulimit -d`) allow."""
    with suppress(ImportError):
        import resource

        for name in RESOURCE_LIMITS:
            soft, _ = resource.getrlimit(getattr(resource, name))
            if soft != resource.RLIM_INFINITY:
                yield soft
