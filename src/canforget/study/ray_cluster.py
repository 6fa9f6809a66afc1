"""A Ray cluster, joined where it runs or begun on this machine, without a word from Ray."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from canforget.errors import EngineError, NoClusterError, SpecError
from canforget.study.engine_options import EngineOptions

SETTINGS = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
"""Of Ray, where the user has said nothing else: no environments made anew, no reports sent, no warning about GPUs that nobody asked for,
workers that stand back for nobody, like those of the other engines."""
OBJECT_STORE_BYTES = 80_000_000
"""Of a cluster of ours: results go through the store, so that Ray has hardly anything to hold (it wants 75 MB)."""


def quiet_ray() -> Any:
    """The library, told to keep quiet; one clear line where it is not installed."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        ray = import_module("ray")
    except ImportError:
        raise SpecError("--engine ray: ray is not installed (pip install 'canforget[cluster]')") from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    vars(import_module("ray._private.worker"))["_worker_logs_enabled"] = False  # it would print to standard output when a machine is lost
    return ray


@contextmanager
def ray_cluster(options: EngineOptions, workers: int | None) -> Iterator[Any]:
    """Ray, connected: to the cluster that is named, by the user or by $RAY_ADDRESS, else to one begun here and ended with the block.

    Raises:
        EngineError: The cluster that is named cannot be reached.
        NoClusterError: None could be begun here, twice.
    """
    ray = quiet_ray()
    if ray.is_initialized():
        yield ray
        return
    address = address_of(options)
    join_cluster(ray, address) if address else begin_cluster(ray, options, workers)
    try:
        yield ray
    finally:
        ray.shutdown()


def address_of(options: EngineOptions) -> str:
    """The cluster that the user names; "" where none is."""
    return options.ray_address or os.environ.get("RAY_ADDRESS", "")


def join_cluster(ray: Any, address: str) -> None:
    """Connects to a cluster that runs."""
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except Exception as problem:
        raise EngineError(f"--ray-address {address}: no cluster can be reached there ({last_line(problem)})") from problem


def begin_cluster(ray: Any, options: EngineOptions, workers: int | None) -> None:
    """Begins a cluster on this machine; once more if the first is too slow, as it happens on a busy one."""
    cpus = None if workers is None else workers * options.cpus_per_step
    for again in (True, False):
        try:
            ray.init(
                address="local", num_cpus=cpus, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False, log_to_driver=False,
                configure_logging=False,
            )  # fmt: skip
            return
        except Exception as problem:
            ray.shutdown()
            if not again:
                raise NoClusterError(f"--engine ray: Ray did not start, twice ({last_line(problem)})") from problem


def last_line(problem: BaseException) -> str:
    """The last line of what an exception says, which in a chain of them is the reason."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(problem).__name__
