"""Faults done to one small study at random: processes killed, files damaged, disks full, clocks wrong; its records must stay as they were.

    python benchmarks/faults.py --seed 0 --state faults.jsonl --out results/faults.json

A study with its faults is one line of the state; what is there already is not done again, so that a campaign may be stopped at any time. The
small disks are mounted, which root may only. Needs Linux.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from fault_bucket import server
from fault_kinds import KINDS
from fault_study import STUDY, Trial

from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.training import loop


def undisturbed(root: Path, drawn: Plan) -> Any:
    """The records without faults; also leaves a finished store, and all modules loaded that a study needs, for forked processes to have them."""
    trial = Trial(root / "calm", drawn, None, random.Random(0))
    with trial.running():
        pass
    shutil.copytree(trial.store, root / "pristine")
    for name in trial.events("end")[0]["modules"]:
        import_module(name)
    return trial.events("end")[0]["records"]


def campaign(root: Path, kinds: list[tuple[str, int]], seed: int, known: set[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    """One study after another, each with faults of a kind that its seed, kind and number decide; those that are known are passed over."""
    torch.set_num_threads(1)
    os.cpu_count = lambda: 2  # type: ignore[assignment]  # one thread in every worker: the sums of two threads are others in the last bit
    assert loop.train_.__kwdefaults__ is not None
    loop.train_.__kwdefaults__["checkpoint_seconds"] = 0.0  # a checkpoint after every epoch
    os.environ["CANFORGET_CACHE_DIR"] = str(root / "cache")
    drawn = plan(Study.of(**STUDY))
    expected = undisturbed(root, drawn)
    for kind, number in kinds:
        if (kind, number) in known:
            continue
        began, used = time.monotonic(), sum(os.times()[:4])
        trial = Trial(root / f"{kind}{number}", drawn, expected, random.Random(f"{seed}/{kind}/{number}"))
        KINDS[kind][0](trial)
        found = trial.verdict()
        costs = {"seconds": round(time.monotonic() - began, 1), "processor": round(sum(os.times()[:4]) - used, 1)}
        yield {"kind": kind, "number": number, "seed": seed, **found, **costs}
        shutil.rmtree(trial.folder)


def in_turn(only: list[str], trials: int | None) -> list[tuple[str, int]]:
    """Every study of the campaign, the kinds by turns so that a campaign that was stopped has something of all."""
    quota = {kind: KINDS[kind][1] if trials is None else trials for kind in only}
    return sorted(((kind, k) for kind in only for k in range(quota[kind])), key=lambda one: (one[1] / quota[one[0]], one[0]))


def number_of(what: Any) -> int:
    """A count, or how many things are listed."""
    return what if isinstance(what, int) else len(what)


def summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts by fault, and everything that was not as it should be."""
    faults = sum((Counter(t["faults"]) for t in trials), Counter[str]())
    killed = sum(n for fault, n in faults.items() if "killed" in fault)
    damaged = sum(n for fault, n in faults.items() if fault.split()[0] in ("flip", "truncate", "empty", "delete", "delete_folder"))
    wrong = ("other_records", "torn", "twice", "not_named", "not_one_line", "other_lines", "crashed", "tracebacks")
    return {
        "studies": len(trials), "killed": killed, "damaged": damaged, "faults": dict(sorted(faults.items())),
        "wrong": {name: sum(number_of(t.get(name, 0)) for t in trials) for name in wrong},
        "by_kind": {kind: dict(sum((Counter(t["faults"]) for t in trials if t["kind"] == kind), Counter(studies=sum(t["kind"] == kind for t in trials)))) for kind in KINDS},
        "said": {kind: said[0] for kind in KINDS if (said := [t["said"][-1] for t in trials if t["kind"] == kind and t["said"]])},
        "processor_seconds": round(sum(t["processor"] for t in trials)), "trials_that_were_wrong": [t for t in trials if any(t.get(name) for name in wrong)],
    }  # fmt: skip


@contextmanager
def server_ended() -> Iterator[None]:
    """Ends the server of the bucket, if there was one."""
    try:
        yield
    finally:
        if server.cache_info().currsize:
            server().kill()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    options.add_argument("--trials", type=int, help="how many studies a kind; else as many as the whole campaign has")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--state", type=Path, default=Path("faults.jsonl"))
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    told = [json.loads(line) for line in given.state.read_text().splitlines()] if given.state.exists() else []
    with tempfile.TemporaryDirectory() as folder, server_ended():
        for one in campaign(Path(folder), in_turn(given.only, given.trials), given.seed, {(t["kind"], t["number"]) for t in told}):
            told.append(one)
            print(json.dumps({k: v for k, v in one.items() if v or k == "number"}), file=sys.stderr, flush=True)
            with given.state.open("a", encoding="utf-8") as state:
                state.write(json.dumps(one) + "\n")
    print(text := json.dumps(summary(told), indent=1))
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
