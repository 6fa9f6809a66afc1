"""What a step costs where it is carried out: seconds by the clock and of the processor, and the most memory that its process held."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")
COSTS = ("seconds", "cpu_seconds", "peak_bytes", "peak_of", "gpu_peak_bytes")
"""The conditions of a step that tell its cost; they differ from run to run and decide nothing."""


@dataclass
class CostMeter:
    """Begins to measure when it is made, for one step at a time in a process.

    `peak_bytes` is the most resident memory of the *whole process*: interpreter, libraries (torch alone takes some 300 MB), and images kept
    from earlier steps are in it, so that the peaks of the steps that run at once may be added up to know what a machine must hold; child
    processes are not. `peak_of` says since when: "step", or where the system cannot begin anew "process", an upper bound that earlier
    steps may have set. `gpu_peak_bytes` is the most that torch had allocated on the device during the step; the CUDA context and blocks
    that its allocator keeps free (several hundred MB) come on top.
    """

    device: str = "cpu"
    clock: float = field(default_factory=time.perf_counter)
    processor: float = field(default_factory=time.process_time)
    fresh: bool = False

    def __post_init__(self) -> None:
        self.fresh = forget_peak()
        if self.on_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)

    @property
    def on_gpu(self) -> bool:
        """Whether the step has a CUDA device."""
        return self.device.partition(":")[0] == "cuda"

    def costs(self) -> dict[str, Any]:
        """The costs so far: `seconds`, `cpu_seconds` (of all threads), and where the system tells them the peaks in bytes."""
        gpu: dict[str, Any] = {}
        if self.on_gpu:
            import torch

            torch.cuda.synchronize(self.device)
            gpu = {"gpu": torch.cuda.get_device_name(self.device), "gpu_peak_bytes": torch.cuda.max_memory_allocated(self.device)}
        spent = {"seconds": time.perf_counter() - self.clock, "cpu_seconds": time.process_time() - self.processor}
        peak = peak_bytes()
        return spent | ({"peak_bytes": peak, "peak_of": "step" if self.fresh else "process"} if peak else {}) | gpu


def forget_peak() -> bool:
    """Makes this process's peak of memory begin anew, where the system can (Linux)."""
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return bool(resident_peak())


def resident_peak() -> int:
    """The peak since it last began anew, in bytes; 0 where the system does not tell it."""
    try:
        lines = (PROCESS / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def peak_bytes() -> int:
    """The peak of this process's resident memory in bytes: since it last began anew, else since the process did; 0 where nobody knows.

    >>> peak_bytes() > 10_000_000
    True
    """
    if found := resident_peak():
        return found
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return 0
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
