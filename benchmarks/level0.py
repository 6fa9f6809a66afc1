"""How long do all usual metrics and audits take, once models have predicted? One model against five retrained ones, 60,000 images each.

    python benchmarks/level0.py [--out results/level0.json]

Made-up logits and features of ten classes, a tenth of 50,000 training images forgotten at random, 10,000 test images. Level 0 reads cached
predictions and nothing else; it should be done in 20 seconds on two cores. Prints the seconds of every metric and
audit; where other work loads the machine (`load`), only those of CPU mean anything.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from canforget.evaluation.evaluate import AUDITS, FEATURE_AUDITS, METRICS, judged, named
from canforget.evaluation.evidence import Evidence, Predictions, Views, parts_of_test
from canforget.rng import numpy_generator
from canforget.spec import parse

SIZES = {"forget": 5_000, "retain": 40_000, "val": 5_000, "test": 10_000}
CLASSES, WIDTH, RETRAINED, DRAWS = 10, 64, 5, 20


def views(name: str) -> Views:
    """A model's predictions on all images; those it was trained on are known a little better."""
    rng, start, found = numpy_generator(f"level0/{name}"), 0, {}
    for part, n in SIZES.items():
        labels = numpy.arange(n) % CLASSES
        logits = rng.normal(0, 1, (n, CLASSES)).astype(numpy.float32)
        logits[numpy.arange(n), labels] += 4.0 if part == "retain" else 3.0
        features = rng.normal(0, 1, (n, WIDTH)).astype(numpy.float16)
        found[part] = Predictions(logits, labels, start + numpy.arange(n), features)
        start += n
    split = {"test_forget": found["test"].ids, "test_retain": found["test"].ids}
    return found | parts_of_test(found["test"], split)


def part_of(model: Views) -> Views:
    """The images that noise is judged on."""
    return {name: model[name].where(numpy.arange(500)) for name in ("forget", "test_forget", "retain")}


def main() -> None:
    """Prints the seconds of every metric and audit, and of all together as a study judges a case."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    metrics, audits = [parse("metrics", m) for m in METRICS], [parse("audits", a) for a in (*AUDITS, *FEATURE_AUDITS)]

    def evidence() -> Evidence:
        return Evidence(views("u"), views("o"), tuple(views(f"g{j}") for j in range(RETRAINED)))

    fresh = evidence()
    clock, work = time.perf_counter(), time.process_time()
    values = judged(fresh, metrics, audits, "level0")
    told: dict[str, Any] = {
        "benchmark": "level0",
        "images": sum(SIZES.values()),
        "retrained": RETRAINED,
        "load": os.getloadavg()[0],
        "values": len(values),
    }
    told |= {"seconds": round(time.perf_counter() - clock, 2), "cpu_seconds": round(time.process_time() - work, 2)}
    print(f"all: {told['seconds']:.1f} s, {told['cpu_seconds']:.1f} s of CPU, {len(values)} values", flush=True)
    rounded = replace(evidence(), full_precision=fresh, noise=tuple(part_of(views(f"n{k}")) for k in range(DRAWS)))
    clock, work = time.perf_counter(), time.process_time()
    values = judged(rounded, metrics, audits, "level0")
    told["rounded"] = {
        "values": len(values),
        "seconds": round(time.perf_counter() - clock, 2),
        "cpu_seconds": round(time.process_time() - work, 2),
    }
    print(f"rounded, with {DRAWS} draws of noise: {told['rounded']}", flush=True)
    each, fresh = {}, evidence()
    for name, call in named([*metrics, *audits]).items():
        work = time.process_time()
        judged(fresh, [call] if call.family == "metrics" else [], [call] if call.family == "audits" else [], "level0")
        each[name] = round(time.process_time() - work, 3)
    told["cpu_seconds_each"] = dict(sorted(each.items(), key=lambda e: -e[1]))
    for name, seconds in told["cpu_seconds_each"].items():
        print(f"{name:40} {seconds:.2f}")
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
