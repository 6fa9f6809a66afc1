"""The recovery rule on simulated studies: false claims, power at the smallest fraction it says it sees, coverage of the fraction.

    python benchmarks/recovery_rule.py [--worlds 1000] [--out results/recovery_rule.json]

A study has two formats, four unlearners each, and as many retrained and original models as seeds; the memory of a format is 1, a model varies
over seeds by `deviation` of it, and a retrained model's change and level may vary together. Nothing comes back in the first kind of study
(nor more than the .02 that is not claimed yet, in the second), half of it in the third, and in the fourth as much as the study itself says
that it finds with 80 % power.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy

from canforget.evaluation.rebound import LEAST_CLAIMED, FormatValues, RecoveryEffect, recovery_effects
from canforget.evaluation.statistics import clopper_pearson, holm
from canforget.file_io import write_json
from canforget.rng import numpy_generator

FORMATS, UNLEARNERS = 2, 4
Floats = Sequence[float]


def effects(
    rng: numpy.random.Generator, truths: Floats, seeds: int, deviation: float, alike: bool, correlation: float
) -> list[RecoveryEffect]:
    """What the rule makes of one format in which `truths` of the memory come back."""
    scale = numpy.ones(len(truths)) if alike else numpy.exp(rng.normal(0, 0.5, len(truths)))
    change = rng.normal(0, 1, seeds)
    level = correlation * change + numpy.sqrt(1 - correlation**2) * rng.normal(0, 1, seeds)
    changes = {str(k): rng.normal(truth, deviation * s, seeds).tolist() for k, (truth, s) in enumerate(zip(truths, scale, strict=True))}
    levels = {name: rng.normal(0, deviation, seeds).tolist() for name in changes}
    original = rng.normal(1, deviation, seeds).tolist()
    found = recovery_effects(
        FormatValues(changes, (deviation * change).tolist()), FormatValues(levels, (deviation * level).tolist(), original)
    )
    return list(found.values())


def claims(rng: numpy.random.Generator, truths: Floats, **conditions: Any) -> list[bool]:
    """Which rows of a study are claimed, in all formats."""
    return [bool(p <= 0.05) for p in holm([e.p for _ in range(FORMATS) for e in effects(rng, truths, **conditions)])]


def seen_as_said(rng: numpy.random.Generator, seeds: int, deviation: float) -> bool:
    """Whether a row is found in which as much came back as the study says to see with 80 % power, at the true standard error and its freedom."""
    tests, true_error = FORMATS * UNLEARNERS, deviation * float(numpy.sqrt(2 / seeds))
    (found,) = effects(rng, [0.0], seeds, deviation, alike=True, correlation=0.0)
    least = found.least_fraction(tests)
    if least is None or found.excess is None or found.memory is None:
        return False
    truth = LEAST_CLAIMED + (least - LEAST_CLAIMED) * found.memory.estimate * true_error / found.excess.error
    return found.excess.p("above", at=-truth) <= 0.05 / tests


def rows(worlds: int) -> Iterator[dict[str, Any]]:
    """Every kind of study under every condition."""
    for seeds, deviation, alike in product((3, 5), (0.02, 0.1), (True, False)):
        conditions: dict[str, Any] = {"seeds": seeds, "deviation": deviation, "alike": alike}
        rng = numpy_generator(f"recovery_rule/{conditions}")
        for truth in (0.0, LEAST_CLAIMED):
            false = sum(any(claims(rng, [truth] * UNLEARNERS, correlation=0.0, **conditions)) for _ in range(worlds))
            yield row("studies with a false claim", conditions | {"truth": truth}, false, worlds)
        if alike:
            seen = sum(seen_as_said(rng, seeds, deviation) for _ in range(4 * worlds))
            yield row("found where it is said to be seen", conditions, seen, 4 * worlds)
        for correlation in (0.0, 0.9):
            made = [effects(rng, [0.5], correlation=correlation, **conditions)[0].fraction for _ in range(worlds)]
            given = [f for f in made if f is not None]
            held = sum(f.interval is None or f.interval[0] <= 0.5 <= f.interval[1] for f in given)
            yield row("interval of the fraction holds it", conditions | {"truth": 0.5, "correlation": correlation}, held, len(given))


def row(what: str, conditions: dict[str, Any], times: int, of: int) -> dict[str, Any]:
    """A share with its exact interval, printed."""
    low, high = clopper_pearson(times, of)
    print(f"{what:38} {conditions!s:86} {times / of:.3f} [{low:.3f}, {high:.3f}]", flush=True)
    return {"what": what, **conditions, "share": times / of, "interval": [low, high], "studies": of}


def main() -> None:
    """Runs every simulation and writes its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("results/recovery_rule.json"))
    given, start = parser.parse_args(), time.process_time()
    table = list(rows(given.worlds))
    about = {"command": f"python benchmarks/recovery_rule.py --worlds {given.worlds}", "cpu_seconds": round(time.process_time() - start)}
    write_json(given.out, about | {"least_claimed": LEAST_CLAIMED, "formats": FORMATS, "unlearners": UNLEARNERS, "rows": table})


if __name__ == "__main__":
    main()
