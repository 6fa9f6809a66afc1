"""Training on an image folder four times larger than the memory that the process may use, its speed beside pixels in memory, a million ids.

    python benchmarks/large_data.py --data-dir DATA > results/large_data.json

Images are real ones of CIFAR-10 (then mirrored ones), enlarged to 64 pixels and written uncompressed, so that the folder is as large as what it
is decoded to. The limit is one that the kernel holds, RLIMIT_DATA: it counts all memory that is a process's own and may be written to (touched
or not), and no file that is mapped for reading, whose pages the system takes back when it wants. It is set above what the process holds once
everything is imported and one tiny training is done. RssAnon, the part of it that is really there, is sampled beside it.
"""

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy

SIDE = 64
BATCH = 32
"""Images of a batch under the limit: with 64 the activations of a training do not fit."""
IMAGE_BYTES = 3 * SIDE * SIDE
MIB = 2**20


def make_folder(place: Path, count: int, data_dir: Path | None) -> int:
    """Writes `count` images, of CIFAR-10 or without a `data_dir` of noise, into a folder a class; returns their bytes on the disk."""
    from PIL import Image

    if data_dir is None:
        pixels, labels, classes = (
            numpy.random.default_rng(0).integers(0, 256, (1000, 3, 32, 32), dtype=numpy.uint8),
            numpy.arange(1000) % 10,
            tuple("0123456789"),
        )
    else:
        from canforget.datasets.cifar10 import cifar10

        data = cifar10(data_dir=data_dir)
        pixels, labels, classes = numpy.concatenate(data.pixels()), numpy.concatenate([data.train.labels, data.test.labels]), data.classes
    written = 0
    for name in classes:
        (place / name).mkdir(parents=True)
    for i in range(count):
        k, again = i % len(pixels), i >= len(pixels)
        image = pixels[k][:, :, ::-1] if again else pixels[k]
        large = Image.fromarray(image.transpose(1, 2, 0)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        written += (place / classes[labels[k]] / f"{i:06}.ppm").write_bytes(b"P6 %d %d 255\n" % (SIDE, SIDE) + large.tobytes())
    return written


def kilobytes(line: str) -> int:
    """A line of /proc/self/status in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0])


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """The most anonymous memory that was there in the block, in MiB, looked at every 5 ms."""
    seen, over = {"peak": 0.0}, threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            seen["peak"] = max(seen["peak"], kilobytes("RssAnon") / 1024)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def warmed_up() -> None:
    """Imports all that a training, a prediction and the decoding need, and does them once on a handful of images."""
    import torch

    from canforget import pipeline
    from canforget.data.images import Images
    from canforget.fit_settings import Fit
    from canforget.network.predict import predict

    images = Images.of(torch.randint(0, 256, (256, 3, SIDE, SIDE), dtype=torch.uint8), torch.arange(256) % 10)
    fit = Fit(epochs=1, batch_size=BATCH, crop=4, flip=True)
    predict(pipeline.train("tiny_cnn", images, fit=fit), images)


def limited(place: Path, limit: int, in_memory: bool) -> dict[str, Any]:
    """Decodes the folder, splits it, trains one epoch and predicts, under a limit; with `in_memory` as if memory were no matter."""
    import torch

    from canforget import pipeline
    from canforget.data import images as rules
    from canforget.data.pixel_rows import PixelRows
    from canforget.fit_settings import Fit
    from canforget.network.predict import predict

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (2**40, resource.RLIM_INFINITY))  # a process with a limit of its own, from its beginning
    warmed_up()
    if in_memory:
        rules.MEMORY_SHARE = 0.001
    base, data_base = kilobytes("RssAnon") / 1024, kilobytes("VmData")
    resource.setrlimit(resource.RLIMIT_DATA, (data_base * 1024 + limit * MIB, resource.RLIM_INFINITY))
    told: dict[str, Any] = {"anonymous_before_mib": round(base)}
    with watched() as seen:
        for name, do in (
            ("decode", lambda: pipeline.open_data(f"image_folder:folder=images,size={SIDE}", data_dir=place).pixels()),
            (
                "split",
                lambda: pipeline.open_split(f"image_folder:folder=images,size={SIDE}", "random_samples:fraction=0.1", data_dir=place),
            ),
            ("train", lambda: pipeline.train("tiny_cnn", told["split"], fit=Fit(epochs=1, batch_size=BATCH, crop=4, flip=True))),
            ("predict", lambda: predict(told["train"], told["split"].test, batch_size=BATCH)),
        ):
            began, seen["peak"] = time.monotonic(), 0.0
            told[name] = do()
            told[f"{name}_seconds"], told[f"{name}_peak_mib"] = round(time.monotonic() - began, 1), round(seen["peak"] - base)
    split, found = told.pop("split"), told.pop("predict")
    del told["decode"], told["train"]
    return {
        **told, "left_on_disk": isinstance(split.retain.x, PixelRows), "trained_on": len(split.retain) + len(split.forget),
        "test_accuracy": round(float(found.correct.mean()), 3),
    }  # fmt: skip


def fresh_model() -> Any:
    """A small net, which asks much of whatever brings it images."""
    from canforget.network.build import build
    from canforget.rng import generator

    return build("tiny_cnn", 10, (3, SIDE, SIDE), rng=generator("speed"), mean=(0.5,) * 3, std=(0.25,) * 3)


def rate_of(images: Any, batches: int, train: bool) -> float:
    """Images a second of the processor of a training with crops and flips, or of its batches alone."""
    from torch.nn.functional import cross_entropy

    from canforget.fit_settings import Fit
    from canforget.rng import generator
    from canforget.training.loop import passes

    model = fresh_model()

    def loss(x: Any, y: Any) -> Any:
        return cross_entropy(model(x), y)

    for epoch in passes(Fit(epochs=1, batch_size=128, crop=4, flip=True), model, generator("speed/batches")):
        drawn = epoch.batches(images)
        x, y = next(drawn)
        began = time.process_time()
        for _ in range(batches):
            if train:
                epoch.step(partial(loss, x, y))
            x, y = next(drawn)
        return batches * 128 / (time.process_time() - began)
    raise AssertionError


def compared(one: Callable[[], float], other: Callable[[], float], times: int) -> dict[str, Any]:
    """Medians of two rates taken in turn, and the median of their ratios."""
    pairs = [(one(), other()) for _ in range(times)]
    return {
        "on_disk": round(median(a for a, _ in pairs)), "in_memory": round(median(b for _, b in pairs)), "ratio": round(median(a / b for a, b in pairs), 3),
        "ratios": [round(a / b, 2) for a, b in pairs],
    }  # fmt: skip


def speed(place: Path, times: int) -> dict[str, Any]:
    """Images a second of the processor, which other work on the machine does not blur, from the disk and from memory, in turn, in one process."""
    import torch

    from canforget import pipeline
    from canforget.data import images as rules
    from canforget.data.images import images_of
    from canforget.network.predict import predict

    torch.set_num_threads(1)
    data = pipeline.open_data(f"image_folder:folder=images,size={SIDE}", data_dir=place)
    rules.MEMORY_SHARE = 0.001
    memory = images_of(data)
    rules.MEMORY_SHARE = 2**60
    disk = images_of(data)
    small = slice(0, 2**29 // IMAGE_BYTES - 1)
    model = fresh_model()

    def predicted(images: Any) -> float:
        began = time.process_time()
        predict(model, images[:20_000:2])
        return 10_000 / (time.process_time() - began)

    def cold() -> float:
        for file in (Path(os.environ["CANFORGET_CACHE_DIR"]) / "pixels").glob("*.npy"):
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return rate_of(images_of(data), 50, True)

    kept = memory[small]
    warm = {
        "training": compared(lambda: rate_of(disk, 50, True), lambda: rate_of(memory, 50, True), times),
        "batches_alone": compared(lambda: rate_of(disk, 200, False), lambda: rate_of(memory, 200, False), times),
        "training_beside_a_set_kept_padded": compared(lambda: rate_of(disk[small], 50, True), lambda: rate_of(kept, 50, True), times),
        "prediction": compared(lambda: predicted(disk), lambda: predicted(memory), times),
    }
    disk = disk[:0]
    return warm | {"training_without_the_systems_cache": compared(cold, lambda: rate_of(memory, 50, True), times)}


def a_million() -> dict[str, Any]:
    """Seconds of one processor for the tables of a million images (1,000 classes, file names), and for their split by each scenario."""
    from canforget.data.dataset import DataSet, names_array, tables_of
    from canforget.data.split import split_by
    from canforget.pipeline import called
    from canforget.progress import noting

    labels = numpy.random.default_rng(0).integers(0, 1000, 1_000_000)
    named = names_array([f"class{c}/{i:07}.jpg" for i, c in enumerate(labels)])
    began = time.process_time()
    tables = tables_of(labels[:900_000], labels[900_000:], (named[:900_000], named[900_000:]))
    data = DataSet("synthetic", *tables, tuple(map(str, range(1000))), (3, SIDE, SIDE), "", lambda: (numpy.empty(0),) * 2)
    seconds = {"tables": round(time.process_time() - began, 2)}
    with tempfile.TemporaryDirectory() as folder, noting(lambda line: None):
        request = Path(folder) / "request.txt"
        request.write_text("\n".join(named[:900_000:100]) + "\n")
        scenarios = {
            "whole_class": "whole_class:classes=3", "random_samples": "random_samples:fraction=0.1", "randomized_inclusion": "randomized_inclusion:fraction=0.1",
            "ids, 9,000 by file name": f"ids:file={request},untrained=skip",
        }  # fmt: skip
        for name, scenario in scenarios.items():
            began = time.process_time()
            split_by(data, called("scenarios", scenario), seed=0)
            seconds[name] = round(time.process_time() - began, 2)
    return {"processor_seconds": seconds}


def child(place: Path, *arguments: str, killed_at: int = 0) -> Any:
    """What a process of this benchmark found, or how it failed; killed when it has decoded so many bytes."""
    command = [sys.executable, __file__, "--place", str(place), *arguments]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while killed_at and run.poll() is None:
        begun = list((place / "cache/pixels").glob("*.unfinished"))
        if begun and begun[0].stat().st_size > killed_at:
            run.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    said, errors = run.communicate()
    return {
        "said": errors.replace(str(place), "SCRATCH").splitlines(),
        **(json.loads(said) if run.returncode == 0 else {"exit": run.returncode}),
    }


def report(options: Any) -> dict[str, Any]:
    """All measurements."""
    conditions = {"python": platform.python_version(), "cores": os.cpu_count(), "load": [round(x, 1) for x in os.getloadavg()]}
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        place = Path(folder)
        count = 4 * options.limit * MIB // IMAGE_BYTES + 1 if options.images is None else options.images
        size = make_folder(place / "images", count, None if options.noise else options.data_dir)
        os.environ["CANFORGET_CACHE_DIR"] = str(place / "cache")
        found = {
            "limit_mib": options.limit, "images": count, "folder_mib": round(size / MIB), "decoded_mib": round(count * IMAGE_BYTES / MIB), **conditions,
            "killed": child(place, "--limited", str(options.limit), killed_at=count * IMAGE_BYTES // 3),
            "limited": child(place, "--limited", str(options.limit)),
            "control_in_memory": child(place, "--limited", str(options.limit), "--in-memory"),
        }  # fmt: skip
        if options.times:
            found |= {"speed": child(place, "--speed", str(options.times)), "a_million": a_million()}
        return found | {"load_after": [round(x, 1) for x in os.getloadavg()]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="where CIFAR-10 lies")
    parser.add_argument("--noise", action="store_true", help="images of noise instead")
    parser.add_argument("--scratch", type=Path, help="where gigabytes may be written for a while")
    parser.add_argument("--limit", type=int, default=256, help="MiB")
    parser.add_argument("--images", type=int)
    parser.add_argument("--times", type=int, default=7, help="how often speeds are compared; 0: not at all")
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--limited", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--speed", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.limited:
        print(json.dumps(limited(given.place, given.limited, given.in_memory)))
    elif given.speed:
        print(json.dumps(speed(given.place, given.speed)))
    else:
        print(json.dumps(report(given), indent=1))
