"""What one GPU does: trainings, compiled or not; many small nets in one stack; inference in float32, bfloat16, int8 and float8.

    python benchmarks/gpu.py [--models speed_net resnet18 vit_tiny] [--rounds 3] [--out results/gpu.json]

No GPU was at hand when this was written: only its refusal, and its parts on a CPU with a few images, have ever run. Images are synthetic
and CIFAR-sized; contenders take turns; figures are medians of images per second. int8 and float8 are torchao's, of linear layers alone.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from canforget.data.images import Images
from canforget.fit_settings import Fit
from canforget.rng import generator
from canforget.training.loop import train_
from canforget.training.population import train_population_

REFUSAL = "benchmarks/gpu.py: no CUDA device is available here, and figures of a CPU are in results/speed.json; run it where there is one"
LINEAR = {"int8": "Int8DynamicActivationInt8WeightConfig", "float8": "Float8DynamicActivationFloat8WeightConfig"}


def trainings(name: str, images: Images, rounds: int) -> dict[str, float]:
    """Images per second of forward, backward and step alone, of `fit`, and of `fit` compiled."""
    from speed import bare, compare, fitted

    contenders = {"bare": bare(name, images), "fit": fitted(name, images, False), "compiled": fitted(name, images, True)}
    return dict(compare(name, contenders, rounds).rates)


def populations(name: str, images: Images, rounds: int, many: int) -> dict[str, float]:
    """Images per second, over all models, of `many` nets trained one by one and as one stack, for one epoch."""
    from speed import BATCH, compare, network

    fit = Fit(epochs=1, batch_size=BATCH, lr=0.01, crop=4, flip=True)

    def one_by_one(models: list[nn.Module]) -> None:
        for k, model in enumerate(models):
            train_(model, images, rng=generator(f"{k}"), fit=fit)

    def stacked(models: list[nn.Module]) -> None:
        train_population_(models, [images] * many, rngs=[generator(f"{k}") for k in range(many)], fit=fit)

    def rates(train: Callable[[list[nn.Module]], None]) -> Iterator[float]:
        while True:
            models: list[nn.Module] = [network(name).to(images.x.device) for _ in range(many)]
            yield many * len(images) / seconds(lambda models=models: train(models), images)

    return dict(compare(name, {"one by one": rates(one_by_one), f"stack of {many}": rates(stacked)}, rounds).rates)


def inference(name: str, images: Images, rounds: int) -> dict[str, float]:
    """Images per second of logits in each format; a format that this GPU or this torchao does not have is told, and left out."""
    from speed import compare, network

    kept: dict[str, nn.Module] = {"float32": network(name).to(images.x.device).eval()}
    kept["bfloat16"] = kept["float32"]
    for bits, config in LINEAR.items():
        try:
            kept[bits] = rounded(network(name).to(images.x.device, torch.bfloat16).eval(), config)
            kept[bits](images.x[:64])
        except Exception as problem:  # whatever an optional library says of this GPU is a result, too
            kept.pop(bits, None)
            print(f"{name}: no {bits} here: {type(problem).__name__}: {str(problem).splitlines()[0]}", flush=True)
    return dict(compare(name, {bits: answers(model, images, bits == "bfloat16") for bits, model in kept.items()}, rounds).rates)


def rounded(model: nn.Module, config: str) -> nn.Module:
    """The model with torchao's kernels in place of its linear layers."""
    from torchao import quantization

    quantization.quantize_(model, getattr(quantization, config)())
    return model


def answers(model: nn.Module, images: Images, bfloat16: bool) -> Iterator[float]:
    """Yields the images per second of all logits, 512 images at a time."""
    device = images.x.device.type

    @torch.no_grad()
    def ask() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            for x, _ in images.batches(512):
                model(x.contiguous(memory_format=torch.channels_last))

    while True:
        yield len(images) / seconds(ask, images)


def seconds(work: Callable[[], None], images: Images) -> float:
    """How long `work` takes until the device of the images has done it."""
    from speed import settle

    settle(images)
    started = time.perf_counter()
    work()
    settle(images)
    return time.perf_counter() - started


def conditions() -> dict[str, Any]:
    """What the figures hang on besides the code."""
    return {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda}


def main() -> int:
    """Measures, prints and writes the figures; returns 2 where there is no GPU."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--models", nargs="*", default=["speed_net", "resnet18", "vit_tiny"])
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--out", type=Path, default=Path("results/gpu.json"))
    given = asked.parse_args()
    if not torch.cuda.is_available():
        print(REFUSAL, file=sys.stderr)
        return 2
    from speed import synthetic

    images, found = synthetic(25_600).to("cuda"), dict[str, Any]()
    for name in given.models:
        found[name] = {"training": trainings(name, images, given.rounds), "inference": inference(name, images, given.rounds)}
        print(name, json.dumps(found[name]), flush=True)
    for many in (8, 32):
        found[f"population of {many}"] = populations("small_net", images[:5120], given.rounds, many)
        print(many, json.dumps(found[f"population of {many}"]), flush=True)
    given.out.write_text(json.dumps({"conditions": conditions(), "images_per_second": found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
