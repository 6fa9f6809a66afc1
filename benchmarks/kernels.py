"""Which kernels of a training step are faster in bfloat16, and which are not: what bounds `fit` over a plain loop.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py [--models resnet20 vit_tiny] [--steps 6] [--out results/kernels.json]

Forward, backward and step on one batch that is already there, in float32 with the default layout as a plain loop has it, and in bfloat16 with
the channels last as `fit` has it; steps of both take turns under torch's profiler, after one step to warm up.
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from speed import BATCH, conditions, network, synthetic
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from canforget.file_io import write_json

SHOWN = 8


def steps(name: str, ours: bool) -> Iterator[None]:
    """Takes a step of a training each time, as `fit` computes it or as a plain loop does."""
    model = network(name).to(memory_format=torch.channels_last if ours else torch.contiguous_format).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01, momentum=0.9, weight_decay=5e-4)
    images = synthetic(BATCH)
    x = images.x.contiguous(memory_format=torch.channels_last) if ours else images.x
    while True:
        with torch.autocast("cpu", torch.bfloat16, enabled=ours):
            loss = cross_entropy(model(x), images.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


def seconds_by_kernel(name: str, count: int) -> dict[str, dict[str, float]]:
    """Seconds of the processor of a step, by kernel, of the plain loop and of `fit`."""
    loops = {"plain": steps(name, False), "fit": steps(name, True)}
    spent = {kind: Counter[str]() for kind in loops}
    for turn in range(count + 1):
        for kind, loop in loops.items():
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                next(loop)
            if turn:
                spent[kind].update({e.key: e.self_cpu_time_total / 1e6 / count for e in seen.key_averages()})
    return {kind: dict(counter) for kind, counter in spent.items()}


def table(name: str, spent: dict[str, dict[str, float]]) -> str:
    """Aligned rows of the largest kernels: milliseconds a step of both, and their share of the step in `fit`."""
    whole = {kind: sum(found.values()) for kind, found in spent.items()}
    rows = [
        f"{name}: {1e3 * whole['plain']:.0f} ms a step in the plain loop, {1e3 * whole['fit']:.0f} in fit ({whole['plain'] / whole['fit']:.2f})"
    ]
    kernels = sorted(set(spent["plain"]) | set(spent["fit"]), key=lambda k: -max(s.get(k, 0.0) for s in spent.values()))
    for kernel in kernels[:SHOWN]:
        plain, fit = (spent[kind].get(kernel, 0.0) for kind in ("plain", "fit"))
        rows.append(f"  {kernel[:48]:<48} {1e3 * plain:>8.1f} {1e3 * fit:>8.1f}  {fit / whole['fit']:>5.0%} of fit")
    return "\n".join(rows)


def main() -> None:
    """Profiles, prints the table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="*", default=["resnet20", "vit_tiny"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--out", type=Path)
    wanted = parser.parse_args()
    found = {}
    for name in wanted.models:
        found[name] = seconds_by_kernel(name, wanted.steps)
        print(table(name, found[name]), flush=True)
    if wanted.out:
        write_json(wanted.out, {"conditions": conditions() | {"load": os.getloadavg()[0]}, "seconds_a_step": found})


if __name__ == "__main__":
    main()
