"""How long the speed net takes from fresh weights to 94 % on CIFAR-10's test set: seconds by the clock and of the processor.

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 OMP_NUM_THREADS=2 python benchmarks/time_to_94.py --data-dir DATA [--seeds 5] [--out FILE]
    ... python benchmarks/time_to_94.py --data-dir DATA --val 5000 --set lr=0.1 --set epochs=6

The time runs from fresh weights to trained ones; reading the images, which all runs share, and the test come outside of it. A model is
asked of six views of an image (itself, moved a pixel along both diagonals, and their mirror images), as the source of the recipe asks it; the
accuracy of one view stands beside. The first words of the command let glibc ask for huge pages. With `--val` the last of the training images
judge instead of the test set: settings are chosen there.
Finished seeds in `--out` are not trained again.
"""

import argparse
import os
import time
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from numpy.typing import NDArray

from canforget import pipeline, spec
from canforget.data.images import Images, images_of
from canforget.datasets.cifar10 import cifar10
from canforget.file_io import read_json, write_json
from canforget.fit_settings import Fit
from canforget.network.predict import predict
from canforget.rng import generator
from canforget.study.environment import machine, versions

WIDTHS = (64, 256, 256)
FIT = Fit(
    epochs=18, batch_size=512, optimizer="muon", lr=0.2, momentum=0.6, weight_decay=0.05, schedule="triangle", warmup=0.2,
    label_smoothing=0.1, crop=2, flip="alternating",
)  # fmt: skip
TRAINED_ON = 50_000
VIEWS = ((0, 0, 0.25), (-1, -1, 0.125), (1, 1, 0.125))
"""Pixels moved down and right, and the weight of such a view and of its mirror image each."""


def moved(images: Images, down: int, right: int) -> Images:
    """The images moved by some pixels, with the border mirrored."""
    edges = max(abs(down), abs(right))
    if not edges:
        return images
    padded = torch.nn.functional.pad(images.x.float(), (edges,) * 4, mode="reflect").to(torch.uint8)
    height, width = images.x.shape[2:]
    return replace(images, x=padded[:, :, edges - down : edges - down + height, edges - right : edges - right + width].contiguous())


def logits_of_views(model: torch.nn.Module, images: Images) -> NDArray[Any]:
    """The weighted mean of the logits on all six views."""
    views = [(weight, moved(images, down, right)) for down, right, weight in VIEWS]
    both = [(weight, view) for weight, one in views for view in (one, replace(one, x=one.x.flip(3)))]
    summed: NDArray[Any] = numpy.sum([weight * predict(model, view).logits for weight, view in both], axis=0)
    return summed


def accuracy(logits: NDArray[Any], images: Images) -> float:
    """The fraction answered rightly."""
    return float((logits.argmax(1) == images.y.numpy()).mean())


def run(seed: int, train: Images, judged: Images, fit: Fit, widths: tuple[int, ...]) -> dict[str, Any]:
    """Trains one model and judges it."""
    load, clock, cpu = os.getloadavg()[0], time.perf_counter(), time.process_time()
    rng = generator(f"time_to_94/{seed}")
    net = spec.parse("models", f"speed_net:widths={','.join(map(str, widths))}")
    model = pipeline.train(net, train, fit=fit, rng=rng, num_classes=10)
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    return {
        "seed": seed, "accuracy": accuracy(logits_of_views(model, judged), judged), "accuracy_of_one_view": accuracy(predict(model, judged).logits, judged),
        "seconds": seconds, "cpu_seconds": cpu_seconds, "load_before": load, "load_after": os.getloadavg()[0],
    }  # fmt: skip


def main() -> None:
    """Trains one model a seed and writes what is known after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--val", type=int, default=0, help="judge by so many training images, which are not trained on")
    parser.add_argument("--widths", type=int, nargs=3, default=WIDTHS)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting of the fit")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    fit = replace(FIT, **{k: v for text in given.set for k, v in tomllib.loads(text).items()})
    every = images_of(cifar10(data_dir=given.data_dir))
    cut = TRAINED_ON - given.val
    train, judged = every[slice(cut)], every[slice(cut, TRAINED_ON)] if given.val else every[slice(TRAINED_ON, None)]
    settings = {"fit": asdict(fit), "widths": list(given.widths), "val": given.val, "threads": torch.get_num_threads()}
    huge_pages = "malloc.hugetlb=1" in os.environ.get("GLIBC_TUNABLES", "")
    conditions = settings | machine() | {"huge_pages": huge_pages, "versions": versions()}
    runs: list[dict[str, Any]] = []
    if given.out and given.out.exists():
        before = read_json(given.out)
        if {k: before["conditions"][k] for k in settings} != settings:
            parser.error(f"{given.out} holds runs of other settings; give another file")
        runs = before["runs"]
    for seed in range(len(runs), given.seeds):
        runs.append(run(seed, train, judged, fit, tuple(given.widths)))
        print(runs[-1], flush=True)
        if given.out:
            write_json(given.out, {"conditions": conditions, "runs": runs})


if __name__ == "__main__":
    main()
