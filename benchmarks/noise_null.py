"""Is the noise control a null? Its p-values on models that unlearned nothing must be uniform, for every format and net.

    python benchmarks/noise_null.py --data-dir DATA --out results/noise_null.json

Trains 20 narrow nets of each kind (ResNet-20 and a vision transformer on digits, the speed net on 2,000 images of CIFAR-10), rounds each to
every format, and asks where the rounded model's mean log-odds on 300 images it was trained on lie among 39 draws of the control. Printed: the
Kolmogorov-Smirnov p of uniformity and the shares of p-values below .05 and above .95. Nothing was unlearned, so .05 each is right.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy
import torch
from scipy.stats import kstest

from canforget.data.images import Images, images_of
from canforget.evaluation.membership_scores import log_odds
from canforget.network.predict import predict
from canforget.pipeline import called, train
from canforget.quantization.weight_noise import disturbed
from canforget.rng import generator
from canforget.training.loop import Fit

FORMATS = ("int:bits=8", "int:bits=4", "float8", "int:bits=4,symmetric=false")
DRAWS, IMAGES = 39, 300
SHORT = Fit(epochs=6, batch_size=64, lr=0.1, schedule="triangle", warmup=0.2, precision="float32")
ADAM = Fit(epochs=8, batch_size=64, lr=2e-3, optimizer="adamw", schedule="triangle", warmup=0.2, precision="float32")
NETS: dict[str, tuple[str, str, Fit]] = {
    "resnet20": ("digits", "resnet20:width=8", SHORT),
    "speed_net": ("cifar10", "speed_net:widths=16,32,32", SHORT),
    "vit": ("digits", f"{Path(__file__).with_name('small_vit.py')}:SmallViT", ADAM),
}


def images_for(dataset: str, data_dir: Path | None) -> tuple[Images, Images]:
    """Training images (2,000 at most) and calibration images."""
    call = called("datasets", dataset)
    every = images_of(call.component.load()(data_dir=data_dir, **call.arguments()))
    chosen = torch.randperm(len(every), generator=generator("noise_null"))
    return every[chosen[:2000].clamp(max=len(every) - 1)], every[chosen[:128]]


def rank_of(model: torch.nn.Module, images: Images, calibration: Images, quantizer: str, rng: torch.Generator) -> float:
    """The share of draws, ties by half, at which noise leaves a higher mean log-odds than rounding does: in (0, 1), uniform under the null."""
    call = called("quantizers", quantizer)
    rounded = call.component.load()(model, calibration, **call.arguments())
    own = float(log_odds(predict(rounded, images)).mean())
    drawn = numpy.array([float(log_odds(predict(noisy, images)).mean()) for noisy in disturbed(model, rounded, DRAWS, rng)])
    return float(((drawn > own).sum() + (drawn == own).sum() / 2 + 0.5) / (DRAWS + 1))


def main() -> None:
    """Prints a row a net and format, and writes all p-values."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--nets", nargs="+", default=list(NETS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    started = time.perf_counter()
    for net in given.nets:
        dataset, model, fit = NETS[net]
        images, calibration = images_for(dataset, given.data_dir)
        ranks: dict[str, list[float]] = {f: [] for f in FORMATS}
        for seed in range(given.models):
            trained = train(model, images, fit=fit, seed=seed, num_classes=10)
            for quantizer in FORMATS:
                ranks[quantizer].append(rank_of(trained, images[:IMAGES], calibration, quantizer, generator(f"{net}/{seed}/{quantizer}")))
        for quantizer, values in ranks.items():
            p = float(kstest(values, "uniform").pvalue)
            low, high = numpy.mean(numpy.array(values) <= 0.05), numpy.mean(numpy.array(values) >= 0.95)
            print(f"{net:<10} {quantizer:<28} KS p {p:.3f}   p <= .05: {low:.2f}   p >= .95: {high:.2f}   n {len(values)}", flush=True)
            found[f"{net} {quantizer}"] = {"ks_p": p, "ranks": values}
    found["seconds"] = time.perf_counter() - started
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
