"""Is the verdict to be trusted? Small real models of known answer, judged as a study judges them, an n-seed verdict as the unit.

    python benchmarks/instrument.py [--models 15] [--seeds 3] [--rounds 3] [--out results/instrument.json]
    python benchmarks/instrument.py --models 60 --seeds 5

`tiny_cnn` on digits, with a tenth of all images and with one class forgotten. In every unit n retrained and n original models are the
references; judged are n *other* retrained models (a word against them is a false alarm, `consistent` an acquittal), n other originals,
and the controls of the n seeds; each in float32, int8 and int4, each alone with its references, as in a study of one unlearner. Units
are blocks of n seeds, `rounds` times shuffled: of one round they share no subject, and references only between neighbors. Bounds are
exact for units that share no model; with several rounds they do share models, and the bounds are too narrow.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from canforget.evaluation.evaluate import judged
from canforget.evaluation.evidence import Evidence, Views
from canforget.evaluation.statistics import clopper_pearson
from canforget.report.controls import SAID, SEEN_IN_FEATURES, control_outcomes
from canforget.report.judgment import with_verdicts
from canforget.report.record import Label, Record, measured
from canforget.report.verdict import CONSISTENT, OVER_FORGOTTEN, RESIDUAL, UTILITY_LOST
from canforget.rng import numpy_generator
from canforget.spec import parse
from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.study.run import run
from canforget.study.store import Store
from canforget.study.stored_evidence import views_in

SCENARIOS = ("random_samples:fraction=0.1", "whole_class:classes=3")
FORMATS = ("none", "int:bits=8", "int:bits=4")
CONTROLS = (*SAID, *SEEN_IN_FEATURES)
METRICS = [f"accuracy:view={v}" for v in ("forget", "retain", "test_forget", "test_retain")] + ["linear_cka:view=forget"]
FEATURE_AUDITS = ["nearest_prototype:shots=20", "ridge_probe"]
ACCUSED = (RESIDUAL, OVER_FORGOTTEN, UTILITY_LOST)


@dataclass(frozen=True)
class Model:
    """What is known of a model by itself: its values, and its predictions without their features."""

    values: Mapping[str, Any]
    views: Views


Bank = Mapping[tuple[str, int], Model]
"""Models of one scenario and format by unlearner and seed."""


def trained(models: int, store: Store, scenarios: Sequence[str] = SCENARIOS, formats: Sequence[str] = FORMATS, **fit: Any) -> Plan:
    """The plan of all models, carried out as far as their predictions."""
    drawn = plan(
        Study.of(
            datasets="digits", models="tiny_cnn", scenarios=list(scenarios), unlearners=list(CONTROLS), quantizers=list(formats), seeds=models,
            features=True, fit=fit,
        )
    )  # fmt: skip
    run(Plan(drawn.study, tuple(s for s in drawn.steps if s.verb != "judge"), ()), store)
    return drawn


def bank_of(drawn: Plan, store: Store, scenario: str, quantizer: str) -> Bank:
    """Every model of a scenario in a format, with the values that need no retrained model."""
    cases = [c for c in drawn.cases if (c.scenario, c.quantizer) == (scenario, quantizer) and not c.not_run]
    split = {s.name: s for s in drawn.steps}
    views = {(c.unlearner, c.seed): views_in(store, c.steps["predict"][1], split[c.steps["predict"]].what["split"]) for c in cases}
    judge = {(c.unlearner, c.seed): split[c.steps["judge"]].what for c in cases}
    calls = [parse("metrics", m) for m in METRICS], [parse("audits", a) for a in FEATURE_AUDITS]
    bank = {}
    for (unlearner, seed), own in views.items():
        classes = tuple(judge[unlearner, seed]["forgotten_classes"])
        evidence = Evidence(own, views["nothing", seed], forgotten_classes=classes)
        values = judged(evidence, *calls, f"instrument/{scenario}/{unlearner}/{seed}")
        plain = {name: replace(p, features=None) for name, p in own.items() if name in ("forget", "test_forget")}
        bank[unlearner, seed] = Model(values, plain)
    return bank


def record_in(bank: Bank, made_by: str, seed: int, others: Sequence[int], scenario: str, judged_as: str) -> Record:
    """The record of a model among the retrained models of the seeds `others`; `judged_as` is the name it goes by."""
    own = bank[made_by, seed]
    evidence = Evidence(own.views, retrained=tuple(bank["retrain", s].views for s in others))
    values = own.values | judged(evidence, (), (parse("audits", "calibrated_membership"),), f"instrument/{made_by}/{seed}")
    return Record(Label("digits", "tiny_cnn", scenario, judged_as, "none", seed), {name: measured(v) for name, v in values.items()})


def unit(bank: Bank, scenario: str, seeds: Sequence[int], other: Sequence[int]) -> Iterator[tuple[str, str, bool]]:
    """What is judged, the word, and whether it is right, of one n-seed verdict each: references of `seeds`, honest subjects of `other`."""
    references = [record_in(bank, name, s, seeds, scenario, name) for name in ("retrain", "nothing") for s in seeds]
    for made_by, subject, known in (("retrain", "retrained", CONSISTENT), ("nothing", "original", RESIDUAL)):
        own = [record_in(bank, made_by, s, seeds, scenario, subject) for s in other]
        word = next(r.verdict.word for r in with_verdicts([*references, *own]) if r.case.unlearner == subject and r.verdict)
        yield subject, word, word == known
    for control in [c for c in CONTROLS if (c, seeds[0]) in bank]:
        own = [record_in(bank, control, s, seeds, scenario, control) for s in seeds]
        (found,) = control_outcomes(with_verdicts([*references, *own]))
        yield control, found.found.partition(":")[0], found.behaved


def blocks(models: int, seeds: int, rounds: int) -> Iterator[tuple[list[int], list[int]]]:
    """References and honest subjects of every unit: disjoint blocks of seeds and their neighbors, shuffled anew for each round."""
    for place in range(rounds):
        order = numpy_generator(f"instrument/{place}").permutation(models).tolist()
        parts = [order[i : i + seeds] for i in range(0, models - seeds + 1, seeds)]
        yield from zip(parts, parts[1:] + parts[:1], strict=True)


def row(scenario: str, quantizer: str, subject: str, words: Sequence[str], right: Sequence[bool]) -> dict[str, Any]:
    """How often the right word was said, and of honest models how often a wrong one, with one-sided 95 % bounds."""
    n, hits = len(words), sum(right)
    found: dict[str, Any] = {"scenario": scenario, "format": quantizer, "subject": subject, "units": n, "right": hits / n}
    found["right_at_least"] = round(clopper_pearson(hits, n, 0.9)[0], 4)
    if subject == "retrained":
        alarms = sum(w in ACCUSED for w in words)
        found |= {"false_alarms": alarms / n, "false_alarms_at_most": round(clopper_pearson(alarms, n, 0.9)[1], 4)}
    return found | {"words": dict(Counter(words))}


def rows_of(bank: Bank, scenario: str, quantizer: str, units: Sequence[tuple[list[int], list[int]]]) -> list[dict[str, Any]]:
    """A row for everything that is judged."""
    said: dict[str, list[tuple[str, bool]]] = {}
    for seeds, other in units:
        for subject, word, right in unit(bank, scenario, seeds, other):
            said.setdefault(subject, []).append((word, right))
    return [row(scenario, quantizer, subject, *zip(*found, strict=True)) for subject, found in said.items()]


def text(found: Mapping[str, Any]) -> str:
    """A row as a line."""
    alarms = f"  false alarms {found['false_alarms']:.2f} (at most {found['false_alarms_at_most']:.2f})" if "false_alarms" in found else ""
    words = ", ".join(f"{word} {n}" for word, n in found["words"].items())
    where = f"{found['scenario']:28} {found['format']:11} {found['subject']:18}"
    return f"{where} right {found['right']:.2f} (at least {found['right_at_least']:.2f}){alarms}  [{words}]"


def main() -> None:
    """Trains what is missing, judges, prints a line for everything judged, and writes them."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--models", type=int, default=15, help="seeds that are trained")
    asked.add_argument("--seeds", type=int, default=3, help="seeds of a verdict")
    asked.add_argument("--rounds", type=int, default=3, help="how often the seeds are shuffled into blocks")
    asked.add_argument("--store", type=Path, default=Path("canforget-store"))
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    if given.models < 2 * given.seeds or given.seeds < 2:
        asked.error("--models must be at least twice --seeds, and --seeds at least 2")
    torch.set_num_threads(1)
    start, store = time.perf_counter(), Store(given.store)
    drawn = trained(given.models, store)
    rows, units = [], list(blocks(given.models, given.seeds, given.rounds))
    for scenario in SCENARIOS:
        for quantizer in FORMATS:
            for found in rows_of(bank_of(drawn, store, scenario, quantizer), scenario, quantizer, units):
                rows.append(found)
                print(text(found), flush=True)
    print(f"{given.models} models, verdicts of {given.seeds} seeds, {time.perf_counter() - start:.0f} s")
    if given.out:
        settings = {"models": given.models, "seeds": given.seeds, "rounds": given.rounds}
        given.out.write_text(json.dumps({"benchmark": "instrument", **settings, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
