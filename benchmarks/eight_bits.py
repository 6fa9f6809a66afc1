"""What eight bits cost on CIFAR-10: int8 (W8A8) and float8 (e4m3) of ResNet-20, ResNet-18, ResNet-50 and ViT-tiny, against float32.

    python benchmarks/eight_bits.py --data-dir DATA [--nets resnet20 ...] [--work runs/eight_bits] [--out results/eight_bits.json]

Nets are trained for as long as two cores allow (`SETTINGS`), which is told beside their accuracy; a model file `NET.safetensors` in `--work`
is taken as it is instead. Calibration: 256 training images. The change in accuracy is paired by test image, with its 95 % interval.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from canforget.data.images import Images, Split
from canforget.deployment.model_file import load, save
from canforget.evaluation.statistics import t_interval
from canforget.network.predict import predict
from canforget.pipeline import open_split, train
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.training.loop import Fit

TENT = Fit(epochs=4, batch_size=128, lr=0.1, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2, flip=True)
FORMATS: dict[str, Callable[[nn.Module, Images], nn.Module]] = {
    "int8": to_int,
    "float8": float8,
    "float8, bias corrected": partial(float8, bias_correction=True),
}


@dataclass(frozen=True)
class Setting:
    """A net, how it is trained, and on how many images."""

    model: dict[str, Any]
    fit: Fit
    images: int = 50_000


@dataclass(frozen=True)
class Cost:
    """A format against float32 on the test images: change in accuracy in points with its interval, and agreement of the answers."""

    points: float
    interval: tuple[float, float] | None
    agreement: float


@dataclass
class Row:
    """A net, its accuracy in float32 and what the formats cost it."""

    accuracy: float
    costs: dict[str, Cost] = field(default_factory=dict)


SETTINGS = {
    "resnet20": Setting({"name": "resnet20"}, replace(TENT, epochs=16)),
    "resnet18": Setting({"name": "resnet18"}, TENT),
    "resnet50": Setting(
        {"name": "torchvision/resnet50", "input_size": 32}, replace(TENT, epochs=7, batch_size=256, optimizer="adamw", lr=2e-3)
    ),
    "vit_tiny": Setting(
        {"name": "timm/vit_tiny_patch16_224", "input_size": 32, "patch_size": 4},
        replace(TENT, optimizer="adamw", lr=1e-3, weight_decay=0.05),
        images=10_000,
    ),
}


def trained(name: str, split: Split, work: Path) -> nn.Module:
    """The net in `work`, trained first if it is not there."""
    path, setting = work / f"{name}.safetensors", SETTINGS[name]
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        everything = split.retain[torch.linspace(0, len(split.retain) - 1, min(setting.images, len(split.retain))).long()]
        save(train(setting.model, everything, fit=setting.fit), path)
    return load(path)


def measured(model: nn.Module, calibration: Images, test: Images) -> Row:
    """Accuracy in float32 and the cost of every format."""
    exact = predict(model, test)
    row = Row(float(exact.correct.mean()))
    for name, quantizer in FORMATS.items():
        found = predict(quantizer(model, calibration), test)
        change = 100 * (found.correct.astype(numpy.float64) - exact.correct.astype(numpy.float64))
        agreement = float((found.logits.argmax(1) == exact.logits.argmax(1)).mean())
        row.costs[name] = Cost(float(change.mean()), t_interval(change), agreement)
    return row


def main() -> None:
    """Trains what is missing, measures, prints the rows and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--nets", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--work", type=Path, default=Path("runs/eight_bits"))
    parser.add_argument("--out", type=Path, default=Path("results/eight_bits.json"))
    wanted = parser.parse_args()
    split = open_split("cifar10", "random_samples:count=10", data_dir=wanted.data_dir)
    rows = {}
    for name in wanted.nets:
        row = measured(trained(name, split, wanted.work), split.calibration, split.test)
        rows[name] = asdict(row) | {"training": asdict(SETTINGS[name])}
        told = "  ".join(f"{k} {c.points:+.2f} points, agreement {100 * c.agreement:.1f} %" for k, c in row.costs.items())
        print(f"{name:<10} float32 {100 * row.accuracy:.2f} %  {told}", flush=True)
        wanted.out.parent.mkdir(parents=True, exist_ok=True)
        said = {"torch": torch.__version__, "calibration": len(split.calibration), "test": len(split.test)}
        wanted.out.write_text(json.dumps({"conditions": said, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
