"""Is the verdict to be trusted? Small real models of known answer, judged as a study judges them, an n-seed verdict as the unit.

    python benchmarks/instrument.py --data-dir DATA [--store STORE] [--seeds 4 5 6 8] [--out results/instrument.json]

Three grounds, trained without label smoothing or weight decay to about 100 % on the training images, so that there is memory to lose: of
digits the classes 3 and 8 are forgotten, or (for the control `relabelled`: wrong labels of many images ruin a net) a twentieth; of 800
CIFAR-10 images at 16 x 16 pixels a half. Three tenths of digits were tried as well: too little is memorized (calibrated AUC .09 apart), so
that nobody is acquitted at six seeds. In every unit n retrained and n original models are the references; judged
are n *other* retrained models (a word against them is a false alarm, `consistent` an acquittal), n other originals, and the controls of
the n seeds; each in float32, int8 and int4, each alone with its references, as in a study of one unlearner. Units are blocks of n seeds,
`--rounds` times shuffled. Within a round no two share a subject, and only neighbors share references; over rounds they do share models.
Beside every bound stands how many units share no subject (`apart`): the bound is exact for that many, and too narrow for all of them.

What is trained is kept in the store: to judge by other rules, or at another n, trains nothing. `--models .2` is a small try-out.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from pyarrow import parquet

from canforget.evaluation.evaluate import judged
from canforget.evaluation.evidence import Evidence, Views
from canforget.evaluation.statistics import clopper_pearson
from canforget.report.controls import control_outcomes
from canforget.report.judgment import with_verdicts
from canforget.report.record import REFERENCES, Label, Record, measured
from canforget.report.verdict import CONSISTENT, OVER_FORGOTTEN, RESIDUAL, UTILITY_LOST
from canforget.rng import numpy_generator
from canforget.spec import parse
from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.study.run import run
from canforget.study.store import Store
from canforget.study.stored_evidence import views_in

FORMATS = ("none", "int:bits=8", "int:bits=4")
METRICS = [f"accuracy:view={v}" for v in ("forget", "retain", "test_forget", "test_retain")]
FEATURE_METRICS = ["linear_cka:view=forget"]
FEATURE_AUDITS = ["nearest_prototype:shots=20", "ridge_probe"]
ACCUSED = (RESIDUAL, OVER_FORGOTTEN, UTILITY_LOST)


PART, TRAIN_IMAGES, TEST_IMAGES = "cifar10_part", 80, 400
"""The folder of the CIFAR-10 part, and how many images of each class it has."""
TO_THE_END = {"batch_size": 64, "nesterov": True, "schedule": "triangle", "warmup": 0.2, "label_smoothing": 0.0, "weight_decay": 0.0}
DIGITS = {"datasets": "digits", "models": "tiny_cnn", "fit": {"epochs": 20, "lr": 0.1} | TO_THE_END}


@dataclass(frozen=True)
class Ground:
    """A problem: what is trained on it, for how many seeds, and for how many of these the controls as well."""

    name: str
    study: Mapping[str, Any]
    models: int
    controls: tuple[str, ...]
    controlled: int
    formats: tuple[str, ...] = FORMATS
    honest: bool = True


GROUNDS = (
    Ground(
        "digits, two classes", DIGITS | {"scenarios": {"name": "whole_class", "classes": ["3", "8"]}, "features": True}, 256,
        ("leaky_retrain", "destroyed", "relabelled:fit.lr=0.05", "head_mask", "head_distillation"), 40,
    ),
    Ground("digits, a twentieth", DIGITS | {"scenarios": "random_samples:fraction=0.05"}, 40, ("relabelled:fit.lr=0.05",), 40, honest=False),
    Ground(
        "CIFAR-10, a half",
        {
            "datasets": f"parquet:folder={PART},size=16", "models": "tiny_cnn:width=24", "scenarios": "random_samples:fraction=0.5",
            "val_fraction": 0.01, "fit": TO_THE_END | {"epochs": 30, "lr": 0.1, "batch_size": 32},
        },
        120, ("leaky_retrain", "destroyed"), 32,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """What is known of a model by itself: its values, and its predictions without their features."""

    values: Mapping[str, Any]
    views: Views


Bank = Mapping[tuple[str, int], Model]
"""Models of one scenario and format by unlearner and seed."""
Said = list[tuple[str, bool]]
"""The word on every unit, and whether it is right."""


def write_part(data_dir: Path, folder: Path) -> None:
    """Writes the first images of every class of CIFAR-10, in their order, as a data set of their own; once."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, each in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        if not (folder / f"{kind}-0.parquet").exists():
            (source,) = (data_dir / "cifar10").glob(f"{kind}-*.parquet")
            table = parquet.read_table(source, columns=["image", "label"])
            labels = table["label"].to_numpy()
            chosen = numpy.sort(numpy.concatenate([numpy.flatnonzero(labels == c)[:each] for c in numpy.unique(labels)]))
            parquet.write_table(table.take(chosen), folder / f"{kind}-0.parquet")


def trained(ground: Ground, store: Store, data_dir: Path, first: int = 0) -> list[Plan]:
    """The plans of a ground's references and controls, carried out as far as their predictions."""
    plans = []
    for unlearners, seeds in ((("retrain",), ground.models), (ground.controls, ground.controlled)):
        asked = {"unlearners": list(unlearners), "quantizers": list(ground.formats), "judged_retain": 500}
        drawn = plan(Study.of(**ground.study, **asked, seeds=list(range(first, first + seeds))), data_dir)
        run(Plan(drawn.study, tuple(s for s in drawn.steps if s.verb != "judge"), ()), store, data_dir=data_dir)
        plans.append(drawn)
    return plans


def bank_of(plans: Sequence[Plan], store: Store, quantizer: str) -> tuple[Bank, str]:
    """Every model of a ground in a format, with the values that need no retrained model; and the scenario's label."""
    bank, scenario = {}, plans[0].cases[0].scenario
    for drawn in plans:
        steps = {s.name: s for s in drawn.steps}
        features = drawn.study.features
        calls = (
            [parse("metrics", m) for m in (*METRICS, *(FEATURE_METRICS if features else ()))],
            [parse("audits", a) for a in (FEATURE_AUDITS if features else ())],
        )
        original: dict[int, Views] = {}
        for case in sorted((c for c in drawn.cases if c.quantizer == quantizer), key=lambda c: c.unlearner != "nothing"):
            made_by, predict = case.unlearner.partition(":")[0], case.steps["predict"]
            own = views_in(store, predict[1], steps[predict].what["split"])
            original.setdefault(case.seed, own)
            classes = tuple(steps[case.steps["judge"]].what["forgotten_classes"])
            evidence = Evidence(own, original[case.seed], forgotten_classes=classes)
            plain = {name: replace(p, features=None) for name, p in own.items() if name in ("forget", "test_forget", "held_out")}
            if (made_by, case.seed) not in bank:
                bank[made_by, case.seed] = Model(judged(evidence, *calls, f"instrument/{scenario}/{made_by}/{case.seed}"), plain)
    return bank, scenario


def record_in(bank: Bank, made_by: str, seed: int, others: Sequence[int], scenario: str, judged_as: str) -> Record:
    """The record of a model among the retrained models of the seeds `others`; `judged_as` is the name it goes by."""
    own = bank[made_by, seed]
    evidence = Evidence(own.views, retrained=tuple(bank["retrain", s].views for s in others))
    values = own.values | judged(evidence, (), (parse("audits", "calibrated_membership"),), f"instrument/{made_by}/{seed}")
    return Record(Label("d", "m", scenario, judged_as, "none", seed), {name: measured(v) for name, v in values.items()})


def unit(bank: Bank, scenario: str, references: Sequence[int], made_by: str, subjects: Sequence[int]) -> tuple[str, bool]:
    """The word on the models of some seeds beside references of others, an n-seed verdict, and whether it is right."""
    known = {"retrain": CONSISTENT, "nothing": RESIDUAL}
    judged_as = {"retrain": "retrained", "nothing": "original"}.get(made_by, made_by)
    beside = [record_in(bank, name, s, references, scenario, name) for name in known for s in references]
    records = with_verdicts([*beside, *(record_in(bank, made_by, s, references, scenario, judged_as) for s in subjects)])
    if made_by in known:
        word = next(r.verdict.word for r in records if r.verdict)
        return word, word == known[made_by]
    (found,) = control_outcomes(records)
    return found.found.partition(":")[0], found.behaved


def blocks(models: Sequence[int], seeds: int, rounds: int) -> Iterator[list[list[int]]]:
    """For every round the models in disjoint blocks, shuffled anew."""
    for place in range(rounds):
        order = numpy_generator(f"instrument/{place}").permutation(models).tolist()
        yield [order[i : i + seeds] for i in range(0, len(order) - seeds + 1, seeds)]


def units(bank: Iterable[tuple[str, int]], made_by: str, seeds: int, rounds: int) -> list[tuple[list[int], list[int]]]:
    """References and subjects of every unit: of retrained models and originals a block of seeds and its neighbor, of controls any block."""
    every, own = ([s for name, s in bank if name == kind] for kind in ("retrain", made_by))
    found = []
    for subjects, parts in zip(blocks(own, seeds, rounds), blocks(every, seeds, rounds), strict=True):
        references = parts[1:] + parts[:1] if made_by in REFERENCES else parts
        pairs = [(references[i % len(references)], block) for i, block in enumerate(subjects)]
        found += [pair for pair in pairs if made_by not in REFERENCES or pair[0] != pair[1]]
    return found


def row(ground: str, quantizer: str, subject: str, seeds: int, apart: int, said: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """How often the right word was said, and of honest models how often a wrong one, with one-sided 95 % bounds."""
    n, hits = len(said), sum(right for _, right in said)
    found: dict[str, Any] = {"ground": ground, "format": quantizer, "subject": subject, "seeds": seeds, "units": n, "apart": apart}
    found |= {"right": round(hits / n, 4), "right_at_least": round(clopper_pearson(hits, n, 0.9)[0], 4)}
    if subject == "retrain":
        alarms = sum(word in ACCUSED for word, _ in said)
        most = {"false_alarms_at_most": n, "false_alarms_at_most_by_apart": apart}
        found |= {"false_alarms": round(alarms / n, 4)} | {
            name: round(clopper_pearson(round(alarms * k / n), k, 0.9)[1], 4) for name, k in most.items() if k
        }
    return found | {"words": dict(Counter(word for word, _ in said))}


def rows_of(bank: Bank, scenario: str, ground: Ground, quantizer: str, seeds: int, rounds: int) -> Iterator[tuple[dict[str, Any], Said]]:
    """A row for everything that is judged on a ground in a format, and the words it counts."""
    for made_by in dict.fromkeys(name for name, _ in bank):
        if made_by in REFERENCES and not ground.honest:
            continue
        asked = units(bank, made_by, seeds, rounds)
        said = [unit(bank, scenario, references, made_by, subjects) for references, subjects in asked]
        if said:
            apart = sum(1 for name, _ in bank if name == made_by) // seeds
            yield row(ground.name, quantizer, made_by, seeds, apart, said), said


def pooled(
    rows: Sequence[dict[str, Any]], said: Mapping[tuple[str, str, int], Said], quantizer: str, seeds: int
) -> Iterator[dict[str, Any]]:
    """A row for everything that was judged in a format, over all grounds."""
    for subject in dict.fromkeys(r["subject"] for r in rows):
        apart = sum(r["apart"] for r in rows if (r["format"], r["subject"], r["seeds"]) == (quantizer, subject, seeds))
        words = said.get((quantizer, subject, seeds), [])
        if words:
            yield row("all", quantizer, subject, seeds, apart, words)


def holds(there: Sequence[dict[str, Any]]) -> bool:
    """Whether all that was judged in a format at some number of seeds is as it must be: false alarms at most a tenth by the bound of units
    that share no subject, four of five honest models acquitted, and of every other model at least 95 % called by the right word."""
    right = {r["subject"]: r["right"] for r in there}
    alarms = [r["false_alarms_at_most_by_apart"] for r in there if r["subject"] == "retrain"]
    return bool(alarms) and max(alarms) <= 0.1 and all(share >= (0.8 if s == "retrain" else 0.95) for s, share in right.items())


def acceptance(rows: Sequence[dict[str, Any]], quantizer: str) -> dict[str, Any]:
    """The fewest seeds, of those asked, from which on everything holds in a format, with the figures there; else those at the most seeds."""
    asked = sorted({r["seeds"] for r in rows})
    at = {n: [r for r in rows if (r["ground"], r["format"], r["seeds"]) == ("all", quantizer, n)] for n in asked}
    enough = [n for n in asked if all(holds(at[m]) for m in asked if m >= n)]
    seeds = min(enough, default=asked[-1])
    honest = next(r for r in at[seeds] if r["subject"] == "retrain")
    alarms = {k: v for k, v in honest.items() if k.startswith("false_alarms")}
    right = {r["subject"]: r["right"] for r in at[seeds]}
    return {"format": quantizer, "seeds": seeds, "accepted": bool(enough), "units": honest["units"], "apart": honest["apart"]} | alarms | {
        "right": right
    }  # fmt: skip


def text(found: Mapping[str, Any]) -> str:
    """A row as a line."""
    alarms = f"  false alarms {found['false_alarms']:.2f} (at most {found['false_alarms_at_most']:.2f})" if "false_alarms" in found else ""
    words = ", ".join(f"{word} {n}" for word, n in found["words"].items())
    where = f"{found['seeds']} seeds  {found['ground']:19} {found['format']:11} {found['subject']:18}"
    return f"{where} right {found['right']:.2f} (at least {found['right_at_least']:.2f}) of {found['units']}{alarms}  [{words}]"


def main() -> None:
    """Trains what is missing, judges, prints a line for everything judged, and writes them."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data-dir", type=Path, required=True, help="the folder with cifar10/")
    asked.add_argument("--store", type=Path, default=Path("canforget-store"))
    asked.add_argument("--models", type=float, default=1.0, help="the share of the models and controls to train")
    asked.add_argument("--first", type=int, default=0, help="the first seed: the record's is 0, and rules were tuned on seeds from 1000")
    asked.add_argument("--seeds", type=int, nargs="+", default=[4, 5, 6, 8], help="seeds of a verdict, as many records")
    asked.add_argument("--rounds", type=int, default=1, help="how often the seeds are shuffled into blocks")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    if min(given.seeds) < 2:
        asked.error("--seeds must be at least 2")
    torch.set_num_threads(1)
    start, store = time.perf_counter(), Store(given.store)
    write_part(given.data_dir, given.store / "data" / PART)
    rows: list[dict[str, Any]] = []
    every: dict[tuple[str, str, int], Said] = {}
    grounds = [replace(g, models=round(g.models * given.models), controlled=round(g.controlled * given.models)) for g in GROUNDS]
    for ground in grounds:
        plans = trained(ground, store, given.store / "data", given.first)
        for quantizer in ground.formats:
            bank, scenario = bank_of(plans, store, quantizer)
            for seeds in given.seeds:
                for found, said in rows_of(bank, scenario, ground, quantizer, seeds, given.rounds):
                    rows.append(found)
                    every.setdefault((quantizer, found["subject"], seeds), []).extend(said)
                    print(text(found), flush=True)
    rows += [found for quantizer in FORMATS for seeds in given.seeds for found in pooled(rows, every, quantizer, seeds)]
    print(*(text(r) for r in rows if r["ground"] == "all"), sep="\n")
    accepted = [acceptance(rows, quantizer) for quantizer in FORMATS]
    print(*accepted, f"{time.perf_counter() - start:.0f} s", sep="\n")
    if given.out:
        settings = {
            "models": {g.name: g.models for g in grounds},
            "controlled": {g.name: g.controlled for g in grounds},
            "rounds": given.rounds,
        }
        content = {"benchmark": "instrument", "first_seed": given.first, **settings, "accepted": accepted, "rows": rows}
        given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
