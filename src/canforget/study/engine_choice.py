"""The engine of a study where nobody names one: processes of one thread each where there are cores, memory and steps for them."""

import os
from dataclasses import dataclass

from canforget.data.memory_limit import memory_limit

AUTO = "auto"
FEWEST_STEPS = 60
"""Steps from which processes are begun: each takes three seconds of work to import what it needs, a small step less than one."""
WORKER_BYTES = 3 * 2**30
"""Memory that a worker may need: torch, the images, their padded copies, a model."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine with the number of its workers, and what a person is told of it: nothing where steps are carried out one by one."""

    engine: str
    workers: int | None
    said: str = ""


def chosen_engine(
    steps: int, *, device: str, workers: int | None = None, limited: bool = False, cores: int | None = None, memory: int | None = None
) -> EngineChoice:
    """What carries out `steps` steps best: on two cores, two processes of one thread train about a fifth more than one of two threads.

    On a GPU one process keeps the device busy. Workers that were asked for, and a limit of time for a step (`limited`), need processes.

    >>> chosen_engine(500, device="cpu", cores=4, memory=64 * 2**30).workers
    4
    >>> chosen_engine(20, device="cpu", cores=4, memory=64 * 2**30).engine
    'serial'
    """
    if limited or (workers or 1) > 1:
        return EngineChoice("processes", workers)
    cores = usable_cores() if cores is None else cores
    room = min(cores, (memory_limit() if memory is None else memory) // WORKER_BYTES)
    if workers == 1 or device != "cpu" or steps < FEWEST_STEPS or room < 2:
        return EngineChoice("serial", None)
    return EngineChoice("processes", room, f"{steps} steps, {room} at a time in processes of their own (one at a time: --engine serial)")


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
