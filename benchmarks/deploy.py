"""What each format costs and gains: accuracy, agreement with float32, bytes, and latency on this CPU where real kernels run it.

    python benchmarks/deploy.py [--model model.safetensors --data-dir DATA] [--rounds 7] [--out results/deploy.json]

Without `--model` a ResNet-18 (CIFAR stem, 32 pixels) with fresh weights and synthetic images: latencies and bytes are those of a trained
one, accuracy is not measured. With a model file of CIFAR-10, its accuracy on the test set too. All contenders take turns, round by round,
so that a busy machine slows them alike; latencies are medians over the rounds, ratios are within the run.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy
import torch
import torch._inductor.config
from torch import nn

from canforget.data.images import Images
from canforget.datasets.cifar10 import cifar10
from canforget.deployment.inductor import Compiled
from canforget.deployment.model_file import describe, load, save
from canforget.deployment.onnx_graph import Deployed, deployed, export
from canforget.network.build import build
from canforget.network.predict import predict
from canforget.quantization.quantized import coverage
from canforget.quantizers.bfloat16 import bfloat16
from canforget.quantizers.float4 import float4
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.quantizers.nf4 import nf4
from canforget.quantizers.none import none
from canforget.rng import generator

BATCHES = (1, 64)
CALIBRATION = 256
SIMULATED: dict[str, Callable[[nn.Module, Images], nn.Module]] = {
    "float32": none,
    "bfloat16": bfloat16,
    "int8": to_int,
    "int6": partial(to_int, bits=6),
    "int4": partial(to_int, bits=4),
    "int4 gptq": partial(to_int, bits=4, rounding="gptq"),
    "int4 groups of 32": partial(to_int, bits=4, granularity="per_group", group_size=32),
    "int3": partial(to_int, bits=3),
    "int2": partial(to_int, bits=2),
    "float8 e4m3": float8,
    "float8 e5m2": partial(float8, format="e5m2"),
    "mxfp4": partial(float4, format="mxfp4"),
    "nvfp4": float4,
    "nf4": nf4,
}


def subject(path: Path | None, data_dir: Path | None) -> tuple[nn.Module, Images, Images | None]:
    """The model, calibration images, and the test images if there is anything to be right about."""
    if path is None:
        shape = (3, 32, 32)
        model = build("resnet18", 10, shape, rng=generator("deploy"), mean=(0.5,) * 3, std=(0.25,) * 3).eval()
        pixels = torch.randint(0, 256, (CALIBRATION, *shape), generator=generator("pixels"), dtype=torch.uint8)
        return model, Images.of(pixels, torch.zeros(CALIBRATION)), None
    data = cifar10(data_dir=data_dir)
    train, test = (
        Images.of(torch.from_numpy(pixels[:count]), torch.from_numpy(table.labels[:count]))
        for pixels, table, count in zip(data.pixels(), (data.train, data.test), (CALIBRATION, len(data.test)), strict=True)
    )
    return load(path), train, test


def formats(model: nn.Module, calibration: Images, test: Images | None) -> dict[str, dict[str, Any]]:
    """Bytes, coverage, agreement and accuracy of every simulated format."""
    judged = calibration if test is None else test
    exact = predict(model, judged).logits
    rows = {}
    for name, quantizer in SIMULATED.items():
        made = quantizer(model, calibration)
        rows[name] = {"bytes": size_of(made), "macs_fraction": coverage(made).macs_fraction} | compared(made, judged, exact, test)
        print(row(name, rows[name]), flush=True)
    return rows


def compared(made: nn.Module, judged: Images, exact: Any, test: Images | None) -> dict[str, float]:
    """Agreement with float32 (fraction of images in the same class), signal to noise of logits in dB, accuracy if there are labels."""
    found = predict(made, judged)
    noise = numpy.square(found.logits - exact).mean()
    figures = {"agreement": float((found.logits.argmax(1) == exact.argmax(1)).mean())}
    if noise:
        figures["sqnr_db"] = float(10 * numpy.log10(exact.var() / noise))
    return figures | ({"accuracy": float((found.logits.argmax(1) == test.y.numpy()).mean())} if test is not None else {})


def size_of(model: nn.Module) -> int:
    """Bytes of the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        return save(model, Path(folder) / "model.safetensors").stat().st_size


def engines(model: nn.Module, calibration: Images) -> dict[str, nn.Module]:
    """The same network as different engines run it."""
    channels, height, width = calibration.x.shape[1:]
    shape = (channels, height, width)
    with tempfile.TemporaryDirectory() as folder:
        plain = export(model, Path(folder) / "float32.onnx", image_shape=shape).read_bytes()
    simulated = to_int(model, calibration)
    made: dict[str, nn.Module] = {
        "torch float32 eager": model,
        "compiled float32": cast(nn.Module, torch.compile(deepcopy(model), dynamic=False)),
        "compiled int8": Compiled(simulated),
    }
    for engine in ("onnxruntime", "openvino"):
        made[f"{engine} float32"] = Deployed(plain, engine)
        made[f"{engine} int8"] = deployed(simulated, engine, shape)
    return made


def latencies(contenders: dict[str, nn.Module], calibration: Images, rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds per batch of each contender and batch size, once around to warm up."""
    seconds: dict[tuple[str, int], list[float]] = {}
    for turn in range(rounds + 1):
        for name, model in contenders.items():
            for batch in BATCHES:
                taken = timed(model, calibration.x[:batch])
                if turn:
                    seconds.setdefault((name, batch), []).append(taken)
    return {name: {f"batch {b} ms": 1000 * median(seconds[name, b]) for b in BATCHES} for name in contenders}


@torch.no_grad()
def timed(model: nn.Module, x: torch.Tensor, at_least: float = 0.3) -> float:
    """Seconds per forward pass, over as many as fit into a moment."""
    start, count = time.perf_counter(), 0
    while (taken := time.perf_counter() - start) < at_least or not count:
        model(x)
        count += 1
    return taken / count


def real(model: nn.Module, calibration: Images, test: Images | None, rounds: int) -> dict[str, dict[str, Any]]:
    """Latency, speed-up, bytes and agreement of what real kernels run; agreement of int8 is with its simulation."""
    contenders = engines(model, calibration)
    with torch._inductor.config.patch(freezing=True):  # compiled float32 may fold its constants, as the other engines do
        rows: dict[str, dict[str, Any]] = {name: dict(found) for name, found in latencies(contenders, calibration, rounds).items()}
    judged = calibration if test is None else test
    references = {"int8": predict(to_int(model, calibration), judged).logits, "float32": predict(model, judged).logits}
    for name, made in contenders.items():
        engine, kind = name.split()[:2]
        for b in BATCHES:
            own = rows[name][f"batch {b} ms"]
            rows[name][f"batch {b} over torch"] = rows["torch float32 eager"][f"batch {b} ms"] / own
            if kind == "int8":
                rows[name][f"batch {b} over own float32"] = rows[f"{engine} float32"][f"batch {b} ms"] / own
        rows[name]["bytes"] = size_of(made)
        rows[name] |= {f"{k} (same format in torch)": v for k, v in compared(made, judged, references[kind], test).items()}
        print(row(name, rows[name]), flush=True)
    return rows


def row(name: str, figures: dict[str, Any]) -> str:
    """One aligned line."""
    return f"{name:<20}" + "  ".join(
        f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value:,}" for key, value in figures.items()
    )


def conditions(path: Path | None) -> dict[str, Any]:
    """What the figures hang on besides the code."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    said = {line.split(":")[0].strip(): line.split(":")[1].strip() for line in lines if ":" in line}
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
    return {
        "model": "resnet18, fresh weights, synthetic images" if path is None else describe(path).get("label", path.name),
        "cpu": said.get("model name", platform.processor()),
        "instructions": [flag for flag in wanted if flag in said.get("flags", "").split()],
        "threads": torch.get_num_threads(),
        **{name: version(name) for name in ("torch", "torchao", "onnxruntime", "openvino", "onnxscript")},
        "python": platform.python_version(),
        "calibration": CALIBRATION,
    }


def main() -> None:
    """Measures, prints the rows and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/deploy.json"))
    wanted = parser.parse_args()
    said = conditions(wanted.model)
    print(json.dumps(said))
    model, calibration, test = subject(wanted.model, wanted.data_dir)
    figures = {"real": real(model, calibration, test, wanted.rounds), "simulated": formats(model, calibration, test)}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    wanted.out.write_text(json.dumps({"conditions": said, "rounds": wanted.rounds, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
