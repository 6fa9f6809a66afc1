"""Do audits by coin flips say nothing of models that never saw the coins, and do they find what a memorizing net knows?

    python benchmarks/coin_flips.py --data-dir DATA [--out results/coin_flips.json]

A world is a pool of images, each tossed in or out by its own coin, with one model trained on the rest and the images tossed in (the
original, nothing unlearned) and one on the rest alone (retrained). Nets that fit every training image: no label smoothing, no augmentation.
Reported of each data set: p and the bound of ε of retrained models (also with coins tossed anew), and of originals, by raw log-odds, by
calibrated ones (the other worlds' retrained models are the references), and by U-LiRA from these worlds. Models are kept in `--work`.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from scipy.stats import kstest

from canforget.data.dataset import DataSet
from canforget.data.images import Images, images_of
from canforget.evaluation.calibrated import calibrated
from canforget.evaluation.coin_flips import epsilon_lower_bound, likelihood_ratios, permutation_test
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import auc, t_interval
from canforget.file_io import read_arrays, write_arrays
from canforget.network.predict import predict
from canforget.pipeline import called, train
from canforget.rng import numpy_generator
from canforget.scenarios.randomized_inclusion import randomized_inclusion
from canforget.training.loop import Fit

TOSSES = 10
"""How often coins are tossed anew for each retrained model."""


@dataclass(frozen=True)
class Ground:
    """A net that memorizes: so many images that are always trained on, so many in the pool, and how many worlds."""

    model: str
    rest: int
    pool: int
    worlds: int
    fit: Fit


SCHEDULE: dict[str, Any] = {"lr": 0.1, "nesterov": True, "schedule": "triangle", "warmup": 0.2, "precision": "float32"}
GROUNDS = {
    "digits": Ground("tiny_cnn:width=32", 700, 700, 20, Fit(epochs=30, batch_size=64, **SCHEDULE)),
    "cifar10": Ground("speed_net:widths=16,32,32", 1000, 800, 8, Fit(epochs=15, batch_size=64, **SCHEDULE)),
}
Scores = Mapping[str, numpy.ndarray]
"""Of a data set: `coins` [worlds, n], log-odds of the `original` and the `retrained` models [worlds, n], and what they classify rightly."""


def world(name: str, data: DataSet, images: Images, place: int) -> Scores:
    """Trains the two models of a world, and scores the images of the pool."""
    ground = GROUNDS[name]
    part = data.train.where(numpy_generator(f"coin_flips/{name}/part").permutation(len(data.train))[: ground.rest + ground.pool])
    halves = randomized_inclusion(part, class_names=data.classes, rng=numpy_generator(f"coin_flips/{name}"), count=ground.pool, draw=place)
    pool = numpy.sort(numpy.concatenate([halves.inside, halves.outside]))
    rest = numpy.setdiff1d(part.ids, pool)
    rows = {int(i): row for row, i in enumerate(images.ids.tolist())}

    def of(ids: numpy.ndarray) -> Images:
        return images[torch.tensor([rows[int(i)] for i in ids])]

    found: dict[str, numpy.ndarray] = {"coins": numpy.isin(pool, halves.inside)}
    for kind, ids in (("original", numpy.concatenate([rest, halves.inside])), ("retrained", rest)):
        model = train(ground.model, of(ids), fit=ground.fit, seed=place, num_classes=len(data.classes))
        known = predict(model, of(pool))
        found |= {kind: log_odds(known), f"{kind}.right": known.correct}
    return found


def worlds_of(name: str, data_dir: Path | None, work: Path) -> Scores:
    """All worlds of a data set; those already in `work` are read."""
    files = [work / f"{name}-{place}.npz" for place in range(GROUNDS[name].worlds)]
    missing = [place for place, file in enumerate(files) if not file.exists()]
    if missing:
        call = called("datasets", name)
        data = call.component.load()(data_dir=data_dir, **call.arguments())
        images = images_of(data)
        for place in missing:
            write_arrays(files[place], world(name, data, images, place))
    found = [read_arrays(file) for file in files]
    return {key: numpy.stack([w[key] for w in found]) for key in found[0]}


def nulls(scores: numpy.ndarray, coins: numpy.ndarray, stream: str) -> dict[str, Any]:
    """Of models that never saw the coins [worlds, n]: the permutation p, its uniformity, and how often ε is bounded above 0."""
    rng = numpy_generator(f"coin_flips/{stream}")
    p = [permutation_test(s, c, rng=rng, draws=999).p for s, c in zip(scores, coins, strict=True)]
    above = [epsilon_lower_bound(s, c).epsilon > 0 for s, c in zip(scores, coins, strict=True)]
    return {
        "worlds": len(p),
        "p": [round(x, 3) for x in p],
        "ks_p": round(float(kstest(p, "uniform").pvalue), 4),
        "epsilon_above_0": int(sum(above)),
    }


def mean(values: list[float]) -> dict[str, Any]:
    """The mean over worlds with its 95 % t interval, and the least and the greatest."""
    low, high = t_interval(values) or (values[0], values[0])
    return {
        "mean": round(float(numpy.mean(values)), 4),
        "interval": [round(low, 4), round(high, 4)],
        "range": [round(min(values), 4), round(max(values), 4)],
    }


def areas(scores: numpy.ndarray, coins: numpy.ndarray) -> list[float]:
    """The AUC of each world."""
    return [auc(s[c], s[~c]) for s, c in zip(scores, coins, strict=True)]


def bounds(scores: numpy.ndarray, coins: numpy.ndarray) -> list[float]:
    """The bound of ε of each world."""
    return [epsilon_lower_bound(s, c).epsilon for s, c in zip(scores, coins, strict=True)]


def signals(found: Scores, kind: str) -> dict[str, Any]:
    """AUC and ε of a kind of models by raw and calibrated log-odds, what calibration adds, and AUC by U-LiRA."""
    coins, raw = found["coins"], found[kind]
    places = numpy.arange(len(raw))
    own = numpy.array([calibrated(raw[w], found["retrained"][places != w]) for w in places])
    ratios = likelihood_ratios(raw, coins)
    right = found[f"{kind}.right"]
    return {
        "accuracy_in": round(float(right[coins].mean()), 4),
        "accuracy_out": round(float(right[~coins].mean()), 4),
        "auc_raw": mean(areas(raw, coins)),
        "auc_calibrated": mean(areas(own, coins)),
        "calibrated_less_raw": mean([a - b for a, b in zip(areas(own, coins), areas(raw, coins), strict=True)]),
        "auc_u_lira": mean(areas(ratios, coins)),
        "epsilon_raw": mean(bounds(raw, coins)),
        "epsilon_calibrated": mean(bounds(own, coins)),
        "epsilon_u_lira": mean(bounds(ratios, coins)),
    }


def simulated(worlds: int = 100, images: int = 500) -> dict[str, Any]:
    """Worlds of scores that know nothing of the coins, some images harder than others for every model."""
    rng = numpy_generator("coin_flips/simulated")
    hard = rng.normal(0, 3, images)
    return nulls(hard + rng.normal(0, 1, (worlds, images)), rng.random((worlds, images)) < 0.5, "simulated/p")


def rows(found: Scores, name: str) -> Iterator[tuple[str, Any]]:
    """What is reported of a data set."""
    models, n = found["retrained"].shape
    fresh = numpy_generator(f"coin_flips/{name}/anew").random((models * TOSSES, n)) < 0.5
    yield "retrained, null", nulls(found["retrained"], found["coins"], f"{name}/p")
    yield "retrained, coins tossed anew, null", nulls(numpy.repeat(found["retrained"], TOSSES, axis=0), fresh, f"{name}/anew/p")
    for kind in ("original", "retrained"):
        yield kind, signals(found, kind)


def main() -> None:
    """Trains what is missing, prints a line for everything reported, and writes it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data-dir", type=Path)
    asked.add_argument("--datasets", nargs="+", default=list(GROUNDS), choices=list(GROUNDS))
    asked.add_argument("--work", type=Path, default=Path("canforget-store/coin_flips"))
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    torch.set_num_threads(1)
    given.work.mkdir(parents=True, exist_ok=True)
    told = {"simulated": {"null": simulated()}}
    for name in given.datasets:
        told[name] = dict(rows(worlds_of(name, given.data_dir, given.work), name))
    for name, row in [(f"{n}: {k}", r) for n, of in told.items() for k, r in of.items()]:
        print(name, json.dumps({k: v for k, v in row.items() if k != "p"}), flush=True)
    if given.out:
        settings = {name: vars(g) | {"fit": vars(g.fit)} for name, g in GROUNDS.items()}
        about = {"benchmark": "coin_flips", "settings": settings}
        given.out.write_text(json.dumps(about | told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
