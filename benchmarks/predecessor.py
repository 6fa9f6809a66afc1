"""The predecessor's table rebuilt: ResNet-50, CIFAR-10, 'airplane' forgotten, float8 and int8; right, and with its faults one at a time.

    python benchmarks/predecessor.py --data-dir DATA [--epochs 8] [--work runs/predecessor] [--out results/predecessor.json]

Its network (torchvision's, fresh weights) on 32 pixels instead of 224; its optimizer (AdamW, weight decay 5e-4) with a tent of 2e-3 instead
of a constant .01, and fewer epochs, so that two cores can do it: about 3 CPU minutes an epoch. Models are kept in `--work`, and a second
call goes on from them. One seed: the figures explain a table, they compare no methods.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split, together
from canforget.deployment.model_file import load, save
from canforget.network.build import build
from canforget.network.classifier import Normalize
from canforget.network.predict import predict
from canforget.pipeline import evaluate, open_split, unlearn
from canforget.quantization.calibration import Scheme, quantize_by_scheme
from canforget.quantization.grid import Grid
from canforget.quantization.ranges import RangeMethod
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.rng import generator
from canforget.training.augment import Augmenter
from canforget.training.loop import Fit, passes

NORMALIZATION = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
FIT = Fit(batch_size=256, lr=2e-3, optimizer="adamw", weight_decay=5e-4, schedule="triangle", warmup=0.2, flip=True)
UNLEARNER = "potion_joint:fit.epochs=5,fit.batch_size=128"
COLUMNS = (
    *(f"test:{m}" for m in ("accuracy", "precision", "recall", "f1", "loss")),
    *(f"{v}:{m}" for v in ("test_forget", "test_retain") for m in ("accuracy", "loss")),
)
METRICS = (*(f"{column.split(':')[1]}:view={column.split(':')[0]}" for column in COLUMNS), "margin:view=test_forget")
Maker = Callable[[nn.Module, Images], nn.Module]


def unnormalized(quantizer: Maker) -> Maker:
    """The fault: while the ranges are chosen, the network gets pixels in 0..1; in use it gets normalized ones."""

    def made(model: nn.Module, calibration: Images) -> nn.Module:
        blind = deepcopy(model)
        norm = normalization_of(blind)
        right = norm.mean.clone(), norm.std.clone()
        norm.mean.zero_()
        norm.std.fill_(1.0)
        rounded = quantizer(blind, calibration)
        for buffer, value in zip((normalization_of(rounded).mean, normalization_of(rounded).std), right, strict=True):
            buffer.copy_(value)
        return rounded

    return made


def normalization_of(model: nn.Module) -> Normalize:
    """The one layer that normalizes."""
    return next(m for m in model.modules() if isinstance(m, Normalize))


def symmetric(model: nn.Module, calibration: Images) -> nn.Module:
    """int8 as the predecessor's library sets it: per-tensor activations symmetric about 0, per-channel weights, min-max."""
    return quantize_by_scheme(model, calibration, Scheme(Grid("int", 8, "per_channel"), Grid("int", 8, "per_tensor"), RangeMethod()))


def formats(forget: Images) -> dict[str, Maker]:
    """Every way to round that is compared, the right ones first; `forget` is what calibration must not see."""
    seen = forget[:256]
    return {
        "float32": lambda model, _: model,
        "float8": float8,
        "int8": to_int,
        "int8, symmetric activations": symmetric,
        "int8, weights per tensor": lambda m, c: to_int(m, c, granularity="per_tensor"),
        "int8, calibrated on forgotten images": lambda m, _: to_int(m, seen),
        "float8, calibrated unnormalized": unnormalized(float8),
        "int8, calibrated unnormalized": unnormalized(to_int),
        "int8, symmetric, calibrated unnormalized (as the predecessor)": unnormalized(symmetric),
    }


def trained(images: Images, split: Split, epochs: int, path: Path) -> nn.Module:
    """The model in `path`, or else one trained on `images`; beside it, what val and test said after every epoch, as `.epochs.json`."""
    if path.is_file():
        return load(path)
    rng, fit = generator(f"predecessor/{path.stem}"), replace(FIT, epochs=epochs)
    mean, std = NORMALIZATION
    model = build("torchvision/resnet50", 10, (3, 32, 32), rng=rng, mean=mean, std=std, parameters={"input_size": 32})
    said = []
    for epoch in passes(fit, model, rng):
        start = time.monotonic()
        epoch.descend(partial(loss_of, model), images)
        said.append({view: accuracy(model, getattr(split, view)) for view in ("val", "test")})
        print(f"{path.stem} epoch {epoch.number + 1} of {epochs}: {said[-1]} {time.monotonic() - start:.0f} s", flush=True)
    path.with_suffix(".epochs.json").write_text(json.dumps(said))
    save(model, path)
    return load(path)


def loss_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """What training descends."""
    return cross_entropy(model(x), y)


def accuracy(model: nn.Module, images: Images) -> float:
    """Fraction correct, in bfloat16 as nothing hangs on it."""
    return float(predict(model, images, precision="bfloat16").correct.mean())


def models(split: Split, epochs: int, work: Path) -> dict[str, nn.Module]:
    """Original, retrained and unlearned model."""
    work.mkdir(parents=True, exist_ok=True)
    original = trained(together(split.forget, split.retain), split, epochs, work / "original.safetensors")
    retrained = trained(split.retain, split, epochs, work / "retrained.safetensors")
    path = work / "unlearned.safetensors"
    if not path.is_file():
        save(unlearn(original, split, UNLEARNER), path)
    return {"original": original, "retrained": retrained, "unlearned": load(path)}


def row(model: nn.Module, split: Split, retrained: nn.Module | None) -> dict[str, float | None]:
    """The predecessor's columns, its membership figure, and what should have stood there."""
    audits = ("legacy_membership", "membership")
    found = evaluate(model, split, retrained=[] if retrained is None else [retrained], metrics=METRICS, audits=audits)
    wanted = {m.replace(":", "."): m for m in COLUMNS}
    figures = {name: found[key].value for key, name in wanted.items()}
    return figures | {
        "margin on the forgotten part": found["test_forget.margin"].value,
        "legacy membership": found["legacy_membership.auc"].value,
        "matched membership": found["membership.phi"].value,
    }


def evaluation_faults(model: nn.Module, split: Split, epochs: Path) -> dict[str, Any]:
    """What the faults of its evaluation and of its choice of weights make of the same original model."""
    found = predict(model, split.test)
    losses = cross_entropy(torch.from_numpy(found.logits), split.test.y, reduction="none")
    augmenter = Augmenter(Fit(crop=4, flip=True), generator("predecessor/augment"))
    everything = torch.arange(len(split.test))
    drawn = [replace(split.test, x=augmenter.batch(split.test.x, everything, 0)) for _ in range(3)]
    said = json.loads(epochs.read_text())
    by_val, by_test = (best_epoch(said, view) for view in ("val", "test"))
    return {
        "loss": {"mean over samples": float(losses.mean()), "mean over batches of 128": mean_over_batches(losses, 128)},
        "accuracy": {"as it is": float(found.correct.mean()), "augmented test images, three draws": [accuracy(model, i) for i in drawn]},
        "chosen epoch": {
            "by val": said[by_val]["test"], "by test": said[by_test]["test"], "last, for a reference is no copy": said[-1]["test"],
        },
        "epochs": said,
    }  # fmt: skip


def best_epoch(said: list[dict[str, float]], view: str) -> int:
    """The epoch after which `view` said the most."""
    return int(numpy.argmax([epoch[view] for epoch in said]))


def mean_over_batches(losses: Tensor, size: int) -> float:
    """The mean of the means of batches, the last and smaller one counting as much as the others."""
    return float(numpy.mean([float(part.mean()) for part in torch.split(losses, size)]))


def printed(name: str, figures: Mapping[str, float | None]) -> None:
    """One aligned line: accuracies in per cent, the rest as it is."""
    cells = [f"{v:>7.3f}" if v is not None else f"{'-':>7}" for v in figures.values()]
    print(f"{name:<76}{' '.join(cells)}", flush=True)


def main() -> None:
    """Trains what is missing, measures, prints the rows and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--work", type=Path, default=Path("runs/predecessor"))
    parser.add_argument("--out", type=Path, default=Path("results/predecessor.json"))
    wanted = parser.parse_args()
    split = open_split("cifar10", "whole_class:classes=airplane", data_dir=wanted.data_dir)
    three = models(split, wanted.epochs, wanted.work)
    judged = replace(split, retain=split.calibration, val=split.val[:0])  # no column asks about more of them
    rows: dict[str, dict[str, Any]] = {}
    for way, quantizer in formats(split.forget).items():
        rounded = {name: quantizer(model, split.calibration) for name, model in three.items()}
        for name, model in rounded.items():
            rows.setdefault(name, {})[way] = row(model, judged, None if name == "retrained" else rounded["retrained"])
            printed(f"{name}, {way}", rows[name][way])
    faults = evaluation_faults(three["original"], split, wanted.work / "original.epochs.json")
    said = {"epochs": wanted.epochs, "unlearner": UNLEARNER, "torch": torch.__version__, "threads": torch.get_num_threads()}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"conditions": said, "rows": rows, "evaluation": faults}, indent=1)
    wanted.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
