"""Is the noise control a null? Its p-values on models that unlearned nothing must be uniform, for every format and net.

    python benchmarks/noise_null.py [--models 20] [--nets resnet20 speed_net vit] [--out results/noise_null.json]

Trains narrow nets of three kinds on 1,400 digits (ResNet-20, the speed net, a vision transformer), rounds each to every format, and asks
where the rounded model lies among 19 draws of the control, as a study does: by the mean log-odds of 300 images that it was trained on, and
by their AUC against 300 that it was not. Printed for each net and for all together: the p of Kolmogorov and Smirnov and the shares of
p-values up to .05 and from .95. Nothing was unlearned, so .05 each is right. What `--out` holds is not computed again.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import torch

from canforget.data.images import Images, images_of
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.rebound import NOISE_DRAWS, noise_p, null_check
from canforget.evaluation.statistics import auc
from canforget.file_io import write_json
from canforget.network.predict import predict
from canforget.pipeline import called, train
from canforget.quantization.weight_noise import disturbed
from canforget.rng import generator
from canforget.study.environment import machine, versions
from canforget.training.loop import Fit

FORMATS = ("int:bits=8", "int:bits=4", "float8", "int:bits=4,symmetric=false")
SEEN, UNSEEN, TRAINED = 300, 300, 1400
SHORT = Fit(epochs=6, batch_size=64, lr=0.1, schedule="triangle", warmup=0.2, precision="float32")
ADAM = Fit(epochs=8, batch_size=64, lr=2e-3, optimizer="adamw", schedule="triangle", warmup=0.2, precision="float32")
NETS: dict[str, tuple[str, Fit]] = {
    "resnet20": ("resnet20:width=8", SHORT),
    "speed_net": ("speed_net:widths=8,16,16", ADAM),
    "vit": (f"{Path(__file__).with_name('small_vit.py')}:SmallViT", ADAM),
}


def digits() -> tuple[Images, Images, Images]:
    """Images to train on, to calibrate with (some of these), and unseen ones."""
    every = images_of(called("datasets", "digits").component.load()())
    chosen = torch.randperm(len(every), generator=generator("noise_null"))
    kept = min(TRAINED, len(every) - UNSEEN)
    return every[chosen[:kept]], every[chosen[:128]], every[chosen[kept : kept + UNSEEN]]


def p_values(model: torch.nn.Module, seen: Images, unseen: Images, calibration: Images, quantizer: str, name: str) -> dict[str, float]:
    """The noise p of the margin and of the AUC, of one model in one format."""
    call = called("quantizers", quantizer)
    rounded = call.component.load()(model, calibration, **call.arguments())
    own = measures(rounded, seen, unseen)
    drawn = [measures(noisy, seen, unseen) for noisy in disturbed(model, rounded, NOISE_DRAWS, generator(name))]
    return {measure: noise_p(value, [d[measure] for d in drawn]) for measure, value in own.items()}


def measures(model: torch.nn.Module, seen: Images, unseen: Images) -> dict[str, float]:
    """How well a model remembers."""
    members, others = (log_odds(predict(model, images)) for images in (seen, unseen))
    return {"margin": float(members.mean()), "auc": auc(members, others)}


def lines(found: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> Iterator[dict[str, Any]]:
    """Uniformity by net, format and measure, and over all nets; from p-values by net, seed, format and measure."""
    for net in (*found, "all nets"):
        models = [m for name, by in found.items() if net in (name, "all nets") for m in by.values() if len(m) == len(FORMATS)]
        for quantizer in FORMATS:
            for measure in ("margin", "auc"):
                p = numpy.array([m[quantizer][measure] for m in models])
                tails = {"up_to_05": round(float((p <= 0.05).mean()), 3), "from_95": round(float((p >= 0.95).mean()), 3)}
                yield {"net": net, "format": quantizer, "measure": measure, "models": len(p), "ks_p": null_check(p).p, **tails}


def main() -> None:
    """Writes all p-values after every model, and prints what they say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--out", type=Path, default=Path("results/noise_null.json"))
    given = parser.parse_args()
    kept = json.loads(given.out.read_text()) if given.out.is_file() else {}
    found, seconds = kept.get("p", {}), kept.get("cpu_seconds", 0.0)
    training, calibration, unseen = digits()
    for net in given.nets:
        model, fit = NETS[net]
        for seed in range(given.models):
            by = found.setdefault(net, {}).setdefault(str(seed), {})
            start = time.process_time()
            if missing := [q for q in FORMATS if q not in by]:
                trained = train(model, training, fit=fit, seed=seed, num_classes=10)
                by |= {q: p_values(trained, training[:SEEN], unseen, calibration, q, f"{net}/{seed}/{q}") for q in missing}
            seconds += time.process_time() - start
            told = {
                "command": f"python benchmarks/noise_null.py --models {given.models}",
                "draws": NOISE_DRAWS,
                "cpu_seconds": round(seconds),
            }
            write_json(given.out, told | {"versions": versions(), "machine": machine(), "uniformity": list(lines(found)), "p": found})
    for line in lines(found):
        ks = "-" if line["ks_p"] is None else f"{line['ks_p']:.3f}"
        print(f"{line['net']:<10} {line['format']:<28} {line['measure']:<7} KS p {ks}   ≤ .05: {line['up_to_05']:.2f}   ≥ .95: {line['from_95']:.2f}   n {line['models']}")  # fmt: skip


if __name__ == "__main__":
    main()
