"""Every unlearner at its defaults on one small CIFAR-10 net that is to forget a class: what it leaves of both sets, and at what cost.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/defaults.py --data-dir DATA [--only scrub ssd:alpha=5 ...] [--out results/defaults.json]

The net is a speed_net of 16, 64 and 64 channels, trained on 1,000 airplanes (to be forgotten) and 9,000 other images; accuracy is told on
both, and on all 10,000 test images. A method's images are counted as it draws them, once for the methods that show a batch to two models,
and told as passes over the 10,000. A row that is in the file already, made by the same version of the method, is not made again, so that
the run may be stopped at any time.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split, together
from canforget.deployment.model_file import load, save
from canforget.errors import CanforgetError
from canforget.network.predict import predict
from canforget.pipeline import open_split, train, unlearn
from canforget.registry import find, names
from canforget.spec import parse
from canforget.training.augment import Augmenter
from canforget.training.loop import Fit

FORGET, RETAIN = 1_000, 9_000
NET = {"name": "speed_net", "widths": [16, 64, 64]}
FIT = Fit(epochs=6, batch_size=256, lr=0.2, optimizer="muon", momentum=0.6, weight_decay=0.02, schedule="triangle", warmup=0.2, flip=True)
LAST = ("eu_k", "retrain")
"""The two that train for 182 epochs."""


@dataclass(frozen=True)
class Row:
    """Accuracy on the four sets in [0, 1], passes over the training images, seconds; or the reason why there is none."""

    version: str
    forget: float | None = None
    retain: float | None = None
    test_forget: float | None = None
    test_retain: float | None = None
    passes: float | None = None
    seconds: float | None = None
    refused: str = ""


@contextmanager
def counting() -> Iterator[list[int]]:
    """Counts the images that are drawn from any set inside the block, for training or for reading."""
    drawn = [0]
    batches, batch = Images.batches, Augmenter.batch

    def counted_batches(self: Images, *given: Any, **named: Any) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in batches(self, *given, **named):
            drawn[0] += len(x)
            yield x, y

    def counted_batch(self: Augmenter, x: Tensor, chosen: Tensor) -> Tensor:
        drawn[0] += len(chosen)
        return batch(self, x, chosen)

    with patch.object(Images, "batches", counted_batches), patch.object(Augmenter, "batch", counted_batch):
        yield drawn


def measured(model: nn.Module, split: Split, spec: str) -> Row:
    """The row of one method at one setting."""
    version, start = parse("unlearners", spec).version, time.process_time()
    try:
        with counting() as drawn:
            unlearned = unlearn(model, split, spec)
    except CanforgetError as refusal:
        return Row(version, refused=str(refusal))
    seconds = time.process_time() - start
    seen = drawn[0] / (len(split.forget) + len(split.retain))
    return replace(accuracies(unlearned, split, version), passes=round(seen, 2), seconds=round(seconds, 1))


def accuracies(model: nn.Module, split: Split, version: str) -> Row:
    """Accuracy on the four sets."""
    sets = (split.forget, split.retain, split.test_forget, split.test_retain)
    return Row(version, *(round(float(predict(model, images).correct.mean()), 4) for images in sets))


def table(rows: dict[str, Row]) -> str:
    """The rows as text, accuracies in percent."""
    wide = max(map(len, [*rows, "unlearner"])) + 2
    lines = [f"{'unlearner':<{wide}}{'forget':>8}{'retain':>8}{'test, forgotten':>17}{'test, retained':>16}{'passes':>9}{'CPU s':>8}"]
    for name, row in rows.items():
        if row.refused:
            lines.append(f"{name:<{wide}}  refused: {row.refused}")
            continue
        figures = [f"{100 * (v or 0):>{w}.1f}" for v, w in ((row.forget, 8), (row.retain, 8), (row.test_forget, 17), (row.test_retain, 16))]
        cost = "" if row.passes is None else f"{row.passes:>9.2f}{row.seconds:>8.0f}"
        lines.append(f"{name:<{wide}}{''.join(figures)}{cost}")
    return "\n".join(lines) + "\n"


def turn(name: str) -> tuple[bool, bool, str]:
    """Where a member stands in the run: controls behind methods, and what trains longest in the end."""
    return name in LAST, bool(find("unlearners", name).traits.get("control")), name


def original(split: Split, path: Path) -> nn.Module:
    """The net that is to forget, trained first if it is not there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save(train(NET, together(split.forget, split.retain), fit=FIT, num_classes=split.num_classes), path)
    return load(path)


def main() -> None:
    """Makes the rows that are missing, cheap methods first, and writes the figures after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--only", nargs="+", default=sorted(names("unlearners"), key=turn))
    parser.add_argument("--net", type=Path, default=Path("runs/defaults.safetensors"))
    parser.add_argument("--out", type=Path, default=Path("results/defaults.json"))
    wanted = parser.parse_args()
    whole = open_split("cifar10", "whole_class:classes=airplane", data_dir=wanted.data_dir)
    split = replace(whole, forget=whole.forget[:FORGET], retain=whole.retain[:RETAIN], calibration=whole.retain[:256])
    model = original(split, wanted.net)
    before = json.loads(wanted.out.read_text(encoding="utf-8"))["rows"] if wanted.out.is_file() else {}
    rows = {name: Row(**row) for name, row in before.items()} | {"original": accuracies(model, split, "")}
    for spec in wanted.only:
        if spec not in rows or rows[spec].version != parse("unlearners", spec).version:
            rows[spec] = measured(model, split, spec)
        write(wanted.out, rows)
        print(table({spec: rows[spec]}).splitlines()[1], flush=True)


def write(path: Path, rows: dict[str, Row]) -> None:
    """Writes the figures, and beside them the table."""
    rows = {"original": rows["original"]} | {name: rows[name] for name in sorted(rows) if name != "original"}
    conditions = {
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "seed": 0,
        "net": NET,
        "fit": asdict(FIT),
        "forget": FORGET,
        "retain": RETAIN,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"conditions": conditions, "rows": {n: asdict(r) for n, r in rows.items()}}, indent=1) + "\n", encoding="utf-8"
    )
    path.with_suffix(".txt").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
