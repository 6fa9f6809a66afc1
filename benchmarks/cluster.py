"""A study of 241 small steps on a Ray cluster of three nodes, real processes on this machine: undisturbed, and through kills.

    OMP_NUM_THREADS=1 python benchmarks/cluster.py --out results/cluster.json
    OMP_NUM_THREADS=1 python benchmarks/cluster.py --only kills --repeats 10 --seed 1 --out results/cluster.json

Records are compared, bit for bit but for times, with those of the serial engine. Needs the extras `cluster` and, for the part `bucket`, `remote`
and moto. `kills` are several at random points of one study: workers, its driver and a node.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from fault_study import torn_in, without_times

from canforget.progress import noting
from canforget.study.definition import Study
from canforget.study.engine_options import EngineOptions
from canforget.study.plan import plan
from canforget.study.planned_steps import Step
from canforget.study.run import run
from canforget.study.schedule import Outcome
from canforget.study.store import Store
from tests.engines.ray_nodes import ROOT, Nodes, ray_nodes
from tests.study.s3_server import ACCESS, BUCKET, moto_running

STUDY = {
    "datasets": "digits", "models": "tiny_cnn:width=4", "scenarios": "whole_class:classes=3", "seeds": 8, "fit": {"epochs": 1}, "judged_retain": 100,
    "unlearners": ["neggrad_plus:fit.epochs=1", "finetune:fit.epochs=1", "random_labels:fit.epochs=1"], "quantizers": ["none", "int:bits=4"],
}  # fmt: skip
LONGER = {
    **STUDY, "models": "tiny_cnn", "fit": {"epochs": 24},
    "unlearners": ["neggrad_plus:fit.epochs=12", "finetune:fit.epochs=12", "random_labels:fit.epochs=12"],
}  # fmt: skip
"""For speed: as many steps, of which each worker's six seconds of importing are a smaller part."""
STUDIES = {"short": STUDY, "longer": LONGER}
NODES = ({"num_cpus": 1}, {"num_cpus": 1}, {"num_cpus": 1})
PARTS = ("node_killed", "driver_killed", "bucket", "kills", "speed")


def one_run(store: str, engine: str, address: str, workers: int, study: str) -> dict[str, Any]:
    """Carries the study out in this process; returns its records, lines, and when steps began and ended as the driver saw it."""
    begun: dict[tuple[str, str], float] = {}
    steps: list[tuple[float, float, float]] = []
    lines, computed, began = list[str](), list[str](), time.monotonic()

    def started(step: Step, worker: str) -> None:
        """A step is handed to a worker."""
        begun[step.name] = time.monotonic()

    def notify(outcome: Outcome) -> None:
        """A step has ended."""
        if outcome.status == "done":
            computed.append(outcome.step.key)
            steps.append((begun[outcome.step.name], time.monotonic(), outcome.seconds))

    with noting(lines.append):
        records = run(
            plan(Study.of(**STUDIES[study])), store, engine=engine, workers=workers, notify=notify, started=started,
            engine_options=EngineOptions(ray_address=address),
        )  # fmt: skip
    first, last = min((s[0] for s in steps), default=0.0), max((s[1] for s in steps), default=0.0)
    return {
        "records": without_times(records), "lines": lines, "computed": computed, "seconds": time.monotonic() - began, "seconds_of_steps": last - first,
        "overheads": [end - start - seconds for start, end, seconds in steps],
    }  # fmt: skip


def begin(store: Path | str, engine: str, address: str = "", workers: int = 2, study: str = "short", **settings: str) -> Any:
    """The same in a process of its own, with settings in its environment."""
    about = {**os.environ, **settings, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--one", str(store), engine, address, str(workers), study]
    return subprocess.Popen(command, env=about, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)


def answer(process: Any) -> dict[str, Any]:
    """What it returned."""
    found: dict[str, Any] = json.loads(process.communicate()[0])
    return found


def held(*stores: Path) -> int:
    """How many steps these stores hold together."""
    return len({path.parent.name for store in stores for path in store.glob("**/step.json") if "unfinished" not in path.parts})


def wait_for(driver: Any, steps: int, *stores: Path) -> None:
    """Waits until the stores hold so many steps, or the driver has ended."""
    while held(*stores) < steps and driver.poll() is None:
        time.sleep(0.05)


@contextmanager
def three_nodes(folder: Path, nodes: Any = NODES) -> Iterator[Nodes]:
    """The cluster."""
    with tempfile.TemporaryDirectory(prefix="rt", dir=folder) as place, ray_nodes(Path(place), *nodes) as cluster:
        yield cluster


def speed(root: Path, repeats: int) -> dict[str, Any]:
    """Serially, and with two workers of one thread on the cluster, one after the other; ratios of the time from first start to last end."""
    serial, two, overheads, loads, differ = list[float](), list[float](), list[float](), list[float](), 0
    for k in range(repeats):
        loads.append(os.getloadavg()[0])
        one = answer(begin(root / f"serial{k}", "serial", study="longer"))
        with three_nodes(root) as nodes:
            found = answer(begin(root / f"ray{k}", "ray", nodes.address, 2, "longer"))
        serial.append(one["seconds_of_steps"])
        two.append(found["seconds_of_steps"])
        overheads += found["overheads"]
        differ += found["records"] != one["records"]
    ratios = [a / b for a, b in zip(serial, two, strict=True)]
    return {
        "serial_seconds": rounded(serial), "two_workers_seconds": rounded(two), "ratios": rounded(ratios), "ratio": round(statistics.median(ratios), 2),
        "overhead_ms": {"median": round(1e3 * statistics.median(overheads), 2), "mean": round(1e3 * statistics.mean(overheads), 2), "of_100_the_95th": round(1e3 * sorted(overheads)[int(0.95 * len(overheads))], 2)},
        "load": rounded(loads), "runs_with_other_records": differ,
    }  # fmt: skip


def rounded(values: list[float]) -> list[float]:
    """Two digits will do."""
    return [round(v, 2) for v in values]


def node_killed(root: Path, truth: Any, at: int) -> dict[str, Any]:
    """A node killed when so many steps are done; three workers, then two."""
    store = root / "node"
    with three_nodes(root) as nodes:
        driver = begin(store, "ray", nodes.address, 3)
        wait_for(driver, at, store)
        nodes.kill(1)
        return {"killed_after_steps": at} | judged(driver, truth)


def judged(driver: Any, truth: Any) -> dict[str, Any]:
    """What a driver has found, beside the truth."""
    found = answer(driver)
    return {"exit_code": driver.returncode, "records_differ": found["records"] != truth, "steps_computed_twice": len(found["computed"]) - len(set(found["computed"])), "lines": found["lines"], "seconds": round(found["seconds"], 1)}  # fmt: skip


def driver_killed(root: Path, truth: Any, at: int) -> dict[str, Any]:
    """The driver killed when so many steps are done, and started again on the same cluster."""
    store = root / "driver"
    with three_nodes(root) as nodes:
        driver = begin(store, "ray", nodes.address, 3)
        wait_for(driver, at, store)
        driver.kill()
        driver.communicate()
        known = held(store)
        found = answer(begin(store, "ray", nodes.address, 3))
    return {"killed_after_steps": known, "computed_by_the_second": len(found["computed"]), "records_differ": found["records"] != truth, "lines": found["lines"], "seconds": round(found["seconds"], 1)}  # fmt: skip


def bucket(root: Path, truth: Any, at: int) -> dict[str, Any]:
    """The store a bucket, a cache of its own for each node and the driver; a node killed when so many steps are done."""
    caches = [root / f"cache{k}" for k in range(len(NODES) + 1)]
    with moto_running() as server:
        settings = [{**ACCESS, "AWS_ENDPOINT_URL": server.url, "CANFORGET_CACHE_DIR": str(cache)} for cache in caches]
        with three_nodes(root, [{**n, "env_vars": s} for n, s in zip(NODES, settings, strict=False)]) as nodes:
            driver = begin(f"s3://{BUCKET}/cluster", "ray", nodes.address, 3, **settings[-1])
            wait_for(driver, at, *caches)
            nodes.kill(1)
            found = {"killed_after_steps": at} | judged(driver, truth)
    return found | {"steps_in_each_cache": [held(cache) for cache in caches]}


def kills(root: Path, truth: Any, steps: int, chance: random.Random) -> dict[str, Any]:
    """Four workers, the driver and a node killed at random points of a study."""
    store, done = root / f"kills{chance.random()}", Counter[str]()
    deeds = chance.sample(["worker"] * 4 + ["driver", "node"], 6)
    moments = [round((k + chance.random()) * (steps - 10) / len(deeds)) for k in range(len(deeds))]
    with three_nodes(root) as nodes:
        driver = begin(store, "ray", nodes.address, 3)
        for moment, deed in zip(moments, deeds, strict=True):
            wait_for(driver, moment, store)
            if driver.poll() is not None:
                break
            time.sleep(chance.uniform(0, 0.5))
            if deed == "node":
                nodes.kill(1)
            elif deed == "driver":
                driver.kill()
                driver.communicate()
                driver = begin(store, "ray", nodes.address, 3)
            elif workers := ray_workers():
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
            done[f"{deed} killed"] += 1
        found = judged(driver, truth)
    return {**found, "kills": dict(done), "torn": torn_in(Store(store), plan(Study.of(**STUDY)))}


def ray_workers() -> list[int]:
    """The processes that carry out steps on this machine's cluster."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if place.read_bytes().startswith(b"ray::RayWorker"):
                found.append(int(place.parent.name))
    return found


def all_kills(root: Path, truth: Any, steps: int, repeats: int, seed: int) -> dict[str, Any]:
    """Several studies with kills, summed up; whatever was wrong is told whole."""
    studies = [kills(root, truth, steps, random.Random(f"{seed}/{k}")) for k in range(repeats)]
    wrong = [s for s in studies if s["records_differ"] or s["exit_code"] or s["torn"]]
    return {
        "seed": seed, "studies": repeats, "kills": dict(sum((Counter(s["kills"]) for s in studies), Counter[str]())),
        "records_differ": sum(s["records_differ"] for s in studies), "torn": sum(len(s["torn"]) for s in studies),
        "lines": sorted({line.partition(": ")[0] for s in studies for line in s["lines"]}), "seconds": rounded([s["seconds"] for s in studies]), "wrong": wrong,
    }  # fmt: skip


def campaign(root: Path, repeats: int, seed: int, only: list[str]) -> dict[str, Any]:
    """The parts that are wanted."""
    whole = answer(begin(root / "truth", "serial")) if only != ["speed"] else {"records": [], "computed": []}
    truth, steps = whole["records"], len(whole["computed"])
    found = {"steps": steps, "cases": len(truth), "cores": os.cpu_count(), "nodes": list(NODES)} if truth else {}
    parts = {
        "node_killed": lambda: node_killed(root, truth, steps // 3),
        "driver_killed": lambda: driver_killed(root, truth, steps // 3),
        "bucket": lambda: bucket(root, truth, steps // 3),
        "kills": lambda: all_kills(root, truth, steps, repeats, seed),
        "speed": lambda: speed(root, repeats),
    }
    return found | {name: parts[name]() for name in only}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=5, metavar=("STORE", "ENGINE", "ADDRESS", "WORKERS", "STUDY"))
    parser.add_argument("--repeats", type=int, default=3, help="of the parts speed and kills")
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="a file whose other parts stay")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one_run(given.one[0], given.one[1], given.one[2], int(given.one[3]), given.one[4])))
    else:
        before = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
        with tempfile.TemporaryDirectory(prefix="c") as place:
            text = json.dumps(before | campaign(Path(place), given.repeats, given.seed, given.only), indent=1)
        print(text)
        if given.out:
            given.out.write_text(text + "\n")
