"""Faults done to one small study: drivers and workers killed at random moments, files damaged; its records must stay as they were.

python benchmarks/faults.py --kills 100 --damage 120 --seed 0 --out results/faults.json
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from canforget.progress import noting
from canforget.report.record import Record
from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.study.run import run
from canforget.study.store import Store
from canforget.training import loop

STUDY = {
    "datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": "finetune:fit.epochs=1", "fit": {"epochs": 2},
    "quantizers": ["none", "int:bits=4"], "noise_draws": 20, "noise_images": 20, "probes": True, "judged_retain": 200,
}  # fmt: skip
TIMES = ("seconds", "conditions")
"""What of a record may differ between two runs."""


def told(records: list[Record]) -> Any:
    """Records as JSON, but for how long they took."""
    return json.loads(json.dumps([{k: v for k, v in asdict(r).items() if k not in TIMES} for r in records]))


@contextmanager
def in_child(work: Callable[[], Any], answer: Path) -> Iterator[int]:
    """Forks a process that writes what `work()` returns to a file as JSON; reaped at the end of the block, however it ended."""
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setsid()
            with answer.with_suffix(".log").open("ab") as log:
                os.dup2(log.fileno(), 2)
            answer.with_suffix(".part").write_text(json.dumps(work()))
            answer.with_suffix(".part").rename(answer)
            code = 0
        finally:
            os._exit(code)
    try:
        yield pid
    finally:
        os.waitpid(pid, 0)


def answered(work: Callable[[], Any], answer: Path) -> Any:
    """What `work()` returns in a process of its own."""
    with in_child(work, answer):
        pass
    return json.loads(answer.read_text())


def carried_out(drawn: Plan, store: Path, engine: str) -> dict[str, Any]:
    """Runs the study as a person would; returns its records and the lines that were said."""
    lines: list[str] = []
    with noting(lines.append):
        records = run(drawn, store, engine=engine, workers=2)
    return {"records": told(records), "lines": lines, "sound": all(Store(store).sound(*s.name) for s in drawn.steps)}


def workers_of(pid: int) -> list[int]:
    """The worker processes of a driver."""
    try:
        children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return []


def killed_at_random(drawn: Plan, store: Path, engine: str, span: tuple[float, float], chance: random.Random, answer: Path) -> list[str]:
    """Starts the study and kills its workers and at last its driver, each after a random time; returns who was killed while at work."""
    victims: list[str] = []
    with in_child(lambda: carried_out(drawn, store, engine), answer) as pid:
        while "driver" not in victims:
            until = time.monotonic() + chance.uniform(*span)
            while time.monotonic() < until and not answer.exists():
                time.sleep(0.005)
            if answer.exists():
                break
            victim = chance.choice([pid, *workers_of(pid)])
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                victims.append("driver" if victim == pid else "worker")
    return victims


def kills(drawn: Plan, expected: Any, wanted: int, engine: str, seconds: float, chance: random.Random, root: Path) -> dict[str, Any]:
    """Kills as many times as wanted, several times a study, and lets it end each time; counts who died and which records differed."""
    died, differed, studies = Counter[str](), 0, 0
    span = (0.02, seconds / 2)
    while died.total() < wanted:
        store = root / f"{engine}{studies}"
        for _ in range(min(chance.randint(3, 8), wanted - died.total())):
            victims = killed_at_random(drawn, store, engine, span, chance, root / "killed.json")
            died.update(victims)
            if not victims:
                break
        found = answered(lambda store=store: carried_out(drawn, store, "serial"), root / "end.json")
        studies += 1
        differed += found["records"] != expected["records"] or not found["sound"]
        print(f"{engine}: {dict(died)} killed in {studies} studies, {differed} of them with other records", file=sys.stderr, flush=True)
        shutil.rmtree(store)
    return {"kills": dict(died), "studies": studies, "with_other_records": differed}


def flip(path: Path, chance: random.Random) -> None:
    """Flips one bit."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, chance: random.Random) -> None:
    """Cuts a file off."""
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(1, len(content))])


def empty(path: Path, chance: random.Random) -> None:
    """Leaves a file without content."""
    path.write_bytes(b"")


def delete(path: Path, chance: random.Random) -> None:
    """Removes a file."""
    path.unlink()


HARMS = (flip, truncate, empty, delete)


def damage(drawn: Plan, expected: Any, wanted: int, chance: random.Random, root: Path) -> dict[str, Any]:
    """Damages one file after another of every kind; counts what was not named, and what gave other records."""
    store, checkpoints = root / "damage", root / "checkpoints"
    with keeping_checkpoints(checkpoints):
        carried_out(drawn, store, "serial")
    verbs = sorted({s.verb for s in drawn.steps})
    trials, unnamed, differed = Counter[str](), list[str](), list[str]()
    for number in range(wanted):
        harm, kind = HARMS[number % 4], [*verbs, "checkpoint"][number // 4 % (len(verbs) + 1)]
        path = victim_of(kind, drawn, Store(store), checkpoints, chance)
        if kind == "checkpoint" and harm is delete:
            harm = flip
        harm(path, chance)
        time.sleep(0.01)  # a change within one tick of the clock would not show in the file's times
        found = carried_out(drawn, store, "serial")
        what = f"{harm.__name__} {kind}/{path.name}"
        trials[f"{harm.__name__} {kind}"] += 1
        if len(found["lines"]) != 1 or not found["lines"][0].startswith(f"damaged: {kind}"):
            unnamed.append(f"{what}: {found['lines']}")
        if found["records"] != expected["records"] or not found["sound"]:
            differed.append(what)
    return {"damaged": trials.total(), "by_kind": dict(trials), "not_named": unnamed, "with_other_records": differed}


def victim_of(kind: str, drawn: Plan, store: Store, checkpoints: Path, chance: random.Random) -> Path:
    """A file of the wanted kind: of an artifact of a verb, or the checkpoint of a training that is then begun again."""
    if kind != "checkpoint":
        step = chance.choice([s for s in drawn.steps if s.verb == kind])
        return chance.choice(sorted(store.folder(*step.name).iterdir()))
    kept = chance.choice(sorted(checkpoints.iterdir()))
    shutil.rmtree(store.folder("train", kept.stem))
    shutil.copy(kept, store.partial(kept.stem))
    return store.partial(kept.stem)


@contextmanager
def keeping_checkpoints(folder: Path) -> Iterator[None]:
    """Copies every checkpoint that a training writes to a folder."""
    written = loop.save_checkpoint

    def copied(path: Path, *given: Any) -> None:
        written(path, *given)
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder)

    loop.save_checkpoint = copied
    try:
        yield
    finally:
        loop.save_checkpoint = written


def campaign(
    root: Path, wanted_kills: int, wanted_damage: int, seed: int, engines: tuple[str, ...] = ("serial", "processes")
) -> dict[str, Any]:
    """The whole campaign: what was done, and what of it was not as it should be."""
    torch.set_num_threads(1)
    os.cpu_count = lambda: 2  # type: ignore[assignment]  # one thread in every worker: the sums of two threads are others in the last bit
    assert loop.train_.__kwdefaults__ is not None
    loop.train_.__kwdefaults__["checkpoint_seconds"] = 0.0  # a checkpoint after every epoch
    os.environ["CANFORGET_CACHE_DIR"] = str(root / "cache")
    chance = random.Random(seed)
    drawn = plan(Study.of(**STUDY))
    expected = answered(lambda: carried_out(drawn, root / "undisturbed", "serial"), root / "undisturbed.json")
    found: dict[str, Any] = {"seed": seed, "steps": len(drawn.steps), "cases": len(drawn.cases)}
    if wanted_damage:
        found["damage"] = answered(lambda: damage(drawn, expected, wanted_damage, chance, root), root / "damage.json")
    for engine in engines if wanted_kills else ():
        started = time.monotonic()
        calm = answered(lambda engine=engine: carried_out(drawn, root / f"calm-{engine}", engine), root / "calm.json")
        seconds = time.monotonic() - started
        share = wanted_kills // len(engines)
        found[engine] = {"the_same_undisturbed": calm["records"] == expected["records"]} | kills(
            drawn, expected, share, engine, seconds, chance, root
        )
    return found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--damage", type=int, default=120)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--engines", nargs="+", default=["serial", "processes"])
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign(Path(folder), given.kills, given.damage, given.seed, tuple(given.engines))
    print(text := json.dumps(outcome, indent=1))
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
