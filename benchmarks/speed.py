"""How fast `fit` and its data pipeline are, as ratios to a plain loop (DataLoader, PIL, float32) measured in the same run.

    python benchmarks/speed.py [--models resnet18 resnet20 speed_net vit_tiny] [--rounds 3] [--compile] [--work] [--out results/speed.json]

Images are synthetic and CIFAR-sized. All contenders take turns, round by round, so that a busy machine slows them alike; figures are
medians over the rounds. Each trains in a process of its own: how one keeps its memory is no gain of another. "bare" is forward, backward
and step on one batch that is already there, in the precision that `fit` chose.
`--work` counts seconds of the processor, those of the workers too, where other work on the machine makes the clock worthless (then with
OMP_NUM_THREADS=1, for threads that wait for one another count as work): on cores that are all busy both say the same.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from canforget.data.images import Images
from canforget.network.build import build
from canforget.rng import generator
from canforget.training.augment import Augmenter
from canforget.training.loop import Fit, in_bfloat16, passes

clock: Callable[[], float] = time.perf_counter
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
STEPS = {"resnet18": 4, "resnet20": 16, "speed_net": 16, "vit_tiny": 4}
NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit_tiny": ("timm/vit_tiny_patch16_224", {"input_size": 32, "patch_size": 4}),
    "small_net": ("speed_net", {"widths": (16, 64, 64)}),
}
"""What a name stands for where it is no member of the family."""
BATCH = 128
PIPELINE_IMAGES = 20_000


class Pictures(Dataset[tuple[Tensor, int]]):
    """One image at a time through PIL, as the usual CIFAR-10 script has it."""

    def __init__(self, images: Images) -> None:
        self.pixels = images.x.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = images.y.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[place])), self.labels[place]


def work_done() -> float:
    """Seconds of the processor that this process and the workers it has now have used."""
    ticks = 0
    for worker in active_children():
        fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Comparison:
    """Median images per second of each contender, by name."""

    subject: str
    rates: dict[str, float]


def synthetic(count: int) -> Images:
    """Random images of 3 x 32 x 32 pixels in ten classes."""
    rng = generator("benchmark")
    return Images.of(torch.randint(256, (count, 3, 32, 32), generator=rng, dtype=torch.uint8), torch.randint(10, (count,), generator=rng))


def network(name: str) -> nn.Module:
    """A fresh classifier of the name."""
    member, parameters = NETS.get(name, (name, {}))
    return build(member, 10, (3, 32, 32), rng=generator("benchmark"), mean=MEAN, std=STD, parameters=parameters)


def settle(images: Images) -> None:
    """Waits until the device of the images has done what it was told."""
    if images.x.device.type == "cuda":
        torch.cuda.synchronize(images.x.device)


def loader(images: Images) -> DataLoader[tuple[Tensor, int]]:
    """The peers' loader, with two workers that stay."""
    return DataLoader(Pictures(images), batch_size=BATCH, shuffle=True, num_workers=2, persistent_workers=True)


def plain_loop(name: str, images: Images) -> Iterator[float]:
    """Yields the images per second of each epoch of the peers' loop; the wait for the first batch is not counted."""
    model: Any = network(name)
    net, batches = model.net.train(), loader(images)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    while True:
        start, seen = 0.0, 0
        for x, y in batches:
            start = start or clock()
            loss = cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += len(y)
        yield seen / (clock() - start)


def fitted(name: str, images: Images, compile: bool) -> Iterator[float]:
    """Yields the images per second of each epoch of `fit`, augmentation included."""
    model = network(name).to(images.x.device)
    fit = Fit(epochs=1000, batch_size=BATCH, lr=0.01, weight_decay=5e-4, crop=4, flip=True, compile=compile)
    for epoch in passes(fit, model, generator("fit")):
        start = clock()
        epoch.descend(lambda x, y: cross_entropy(model(x), y), images)
        settle(images)
        yield len(images) / (clock() - start)


def bare(name: str, images: Images) -> Iterator[float]:
    """Yields the images per second of forward, backward and step on a batch that is already there."""
    device = images.x.device
    model = network(name).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01, momentum=0.9, weight_decay=5e-4)
    x, y = images.x[:BATCH].contiguous(memory_format=torch.channels_last), images.y[:BATCH]
    while True:
        start = clock()
        for _ in range(len(images) // BATCH):
            with torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(Fit(), device)):
                loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        settle(images)
        yield len(images) // BATCH * BATCH / (clock() - start)


def pil_pipeline(images: Images) -> Iterator[float]:
    """Yields the images per second that the peers' loader prepares when nothing else runs."""
    batches = loader(images)
    while True:
        start, seen = 0.0, 0
        for _, y in batches:
            seen += len(y) if start else 0
            start = start or clock()
        yield seen / (clock() - start)


def our_pipeline(images: Images) -> Iterator[float]:
    """Yields the images per second that come out of the augmenter."""
    augmenter = Augmenter(Fit(crop=4, flip=True), generator("pipeline"))
    while True:
        start = clock()
        for chosen in torch.randperm(len(images), generator=augmenter.rng).split(BATCH):
            augmenter.batch(images.x, chosen, 0)
        yield len(images) / (clock() - start)


def compare(subject: str, contenders: Mapping[str, Iterator[float]], rounds: int) -> Comparison:
    """Lets the contenders take turns, once to warm up and `rounds` times for the record."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            rate = next(contender)
            if turn:
                rates[name].append(rate)
    return Comparison(subject, {name: median(values) for name, values in rates.items()})


def apart(contender: Callable[..., Iterator[float]], name: str, count: int, *more: Any) -> Generator[float]:
    """What a contender yields for a model and so many images, in a process of its own that works when it is asked."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, clock is work_done, contender, name, count, *more))
    process.start()
    theirs.close()
    try:
        while True:
            ours.send("next")
            yield ours.recv()
    finally:
        ours.close()
        process.join()


def serve(asked: Any, work: bool, contender: Callable[..., Iterator[float]], name: str, count: int, *more: Any) -> None:
    """What such a process does, until nobody asks any more."""
    global clock
    clock = work_done if work else time.perf_counter
    rates = contender(name, synthetic(count), *more)
    with suppress(EOFError):
        while asked.recv():
            asked.send(next(rates))


def training(name: str, rounds: int, compile: bool) -> Comparison:
    """The contenders of a training of the model `name`."""
    count = STEPS.get(name, 8) * BATCH
    contenders = {"plain": apart(plain_loop, name, count), "bare": apart(bare, name, count), "fit": apart(fitted, name, count, False)}
    if compile:
        contenders["compiled"] = apart(fitted, name, count, True)
    with ExitStack() as ended:
        for contender in contenders.values():
            ended.enter_context(closing(contender))
        return compare(name, contenders, rounds)


def ratios(c: Comparison) -> dict[str, float]:
    """What is claimed: `fit` over the plain loop and over the bare steps."""
    found = {f"{name}/plain": c.rates[name] / c.rates["plain"] for name in ("fit", "compiled") if name in c.rates}
    return found | ({"fit/bare": c.rates["fit"] / c.rates["bare"]} if "bare" in c.rates else {})


def conditions() -> dict[str, Any]:
    """What the figures hang on besides the code."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    )
    return {
        "cpu": names[0] if names else platform.processor(),
        "bfloat16": in_bfloat16(Fit(), torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "batch": BATCH,
    }


def table(comparisons: list[Comparison]) -> str:
    """Aligned rows: subject, images per second of each contender, ratios."""
    rows = []
    for c in comparisons:
        rates = "  ".join(f"{name} {rate:>9,.0f}/s" for name, rate in c.rates.items())
        rows.append(f"{c.subject:<10}  {rates}  |  " + "  ".join(f"{name} {value:.2f}" for name, value in ratios(c).items()))
    return "\n".join(rows)


def main() -> None:
    """Measures, prints the table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="*", default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="measure compiled trainings too (half a minute more for each model)")
    parser.add_argument("--work", action="store_true", help="count seconds of the processor, not of the clock")
    parser.add_argument("--out", type=Path, default=Path("results/speed.json"))
    wanted = parser.parse_args()
    global clock
    clock = work_done if wanted.work else time.perf_counter
    images = synthetic(PIPELINE_IMAGES)
    jobs: list[Callable[[], Comparison]] = [
        lambda: compare("pipeline", {"plain": pil_pipeline(images), "fit": our_pipeline(images)}, wanted.rounds),
        *(lambda name=name: training(name, wanted.rounds, wanted.compile) for name in wanted.models),
    ]
    print(json.dumps(conditions()))
    done = []
    for job in jobs:
        done.append(job())
        print(table(done[-1:]), flush=True)
    figures = {c.subject: {"images_per_second": c.rates, "ratios": ratios(c)} for c in done}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    wanted.out.write_text(
        json.dumps(
            {
                "conditions": conditions(),
                "seconds": "work" if wanted.work else "clock",
                "load": os.getloadavg()[0],
                "rounds": wanted.rounds,
                "figures": figures,
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
