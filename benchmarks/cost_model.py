"""Is the estimate of a study what it takes? A CIFAR-10 study of two seeds, estimated from another seed's steps, and from few images alone.

    OMP_NUM_THREADS=1 python benchmarks/cost_model.py --data-dir DATA --work FOLDER --out results/cost_model.json

About fifteen CPU minutes on one thread; run again with the same folder it goes on where it was. Both estimates are made before the study runs,
by `canforget plan --workers 1`. Compared are seconds by the clock and of the processor (on a shared machine the former say what else ran).
Also a schedule of sleeping steps on three processes beside the simulated one, and how long those of ten thousand steps take to simulate.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from canforget.engines.processes import processes
from canforget.file_io import read_json, write_json
from canforget.study.environment import processor
from canforget.study.list_schedule import Work, makespan, speed_up_curve
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome
from tests.study.stated_costs import StatedCosts

STUDY = """
seeds = {seeds}
datasets = ["cifar10"]
scenarios = ["whole_class:classes=airplane"]
models = ["speed_net:widths=8,16,16"]
unlearners = ["finetune:fit.epochs=1", "neggrad_plus:fit.epochs=1", "scrub:fit.epochs=2,max_epochs=1", "salun:fit.epochs=1", "ssd"]
quantizers = ["none", "int:bits=4"]
fit = {{epochs = 2, batch_size = 512, lr = 0.4, momentum = 0.85, nesterov = true, weight_decay = 5e-4, schedule = "triangle", warmup = 0.2, flip = true}}
"""


def canforget(work: Path, data: Path, *words: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "canforget", *words, "--data-dir", str(data)]
    return subprocess.run(command, cwd=work, check=True, stdout=subprocess.PIPE, text=True).stdout


def estimated(work: Path, data: Path, name: str, *flags: str) -> dict[str, Any]:
    """The outlook of the study from a store, kept in a file so that it is made before the study runs."""
    path = work / f"estimate-{name}.json"
    if not path.exists():
        about = json.loads(canforget(work, data, "plan", "b.toml", "--workers", "1", "--json", *flags))
        write_json(path, {"load": os.getloadavg()[0], **about["outlook"]})
    found: dict[str, Any] = read_json(path)
    return found


def took(store: Path, before: Path) -> dict[str, dict[str, float]]:
    """Seconds by the clock and of the processor, by verb, of the steps that a store holds and the one before did not."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: {"steps": 0, "seconds": 0.0, "cpu_seconds": 0.0})
    for path in sorted(store.glob("*/??/*/step.json")):
        if not (before / path.relative_to(store)).exists():
            about = read_json(path)
            row = found[about["verb"]]
            row["steps"] += 1
            for name in ("seconds", "cpu_seconds"):
                row[name] += about["conditions"][name]
    return dict(found)


def carried_out(work: Path, data: Path) -> dict[str, float]:
    """Carries the study out; what its whole process took, start and all."""
    path = work / "b.json"
    if not path.exists():
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        canforget(work, data, "run", "b.toml", "--engine", "serial", "--store", "store", "--out", "out-b")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        write_json(path, {"seconds": time.monotonic() - began, "cpu_seconds": cpu, "load": os.getloadavg()[0]})
    found: dict[str, float] = read_json(path)
    return found


def compared(estimate: dict[str, Any], steps: dict[str, Any]) -> dict[str, Any]:
    """An estimate over what was; above 1 it was too much."""
    clock, cpu = (sum(row[name] for row in steps.values()) for name in ("seconds", "cpu_seconds"))
    return {
        "load_when_estimated": round(estimate["load"], 1), "basis": estimate["basis"], "unknown": estimate["unknown"],
        "seconds": round(estimate["worker_seconds"], 1), "cpu_seconds": round(estimate["cpu_seconds"], 1),
        "over_steps_seconds": round(estimate["worker_seconds"] / clock, 3), "over_steps_cpu_seconds": round(estimate["cpu_seconds"] / cpu, 3),
        "by_verb_seconds": {verb: round(seconds / steps[verb]["seconds"], 3) for verb, seconds in estimate["by_verb"].items() if verb in steps},
        "checked": estimate["checked"],
    }  # fmt: skip


def simulated(steps: int = 10_000, workers: int = 1000) -> dict[str, Any]:
    """CPU seconds to simulate chains of three steps behind one split: once, and a whole curve."""
    seconds = [1.0] + [float(1 + 37 * k % 101) for k in range(steps - 1)]
    work = Work(seconds, [[]] + [[0] if k % 3 == 1 else [k - 1] for k in range(1, steps)], [False] * steps)
    began = time.process_time()
    once = makespan(work, workers)
    between = time.process_time()
    curve = speed_up_curve(work)
    return {
        "steps": steps, "workers": workers, "speed_up": round(work.total / once, 1), "over_bound": round(once / work.bound(workers), 3),
        "cpu_seconds": round(between - began, 3), "curve_cpu_seconds": round(time.process_time() - between, 3),
        "curve": {w: round(work.total / s, 1) for w, s in curve},
    }  # fmt: skip


def sleeping(step: Step) -> Outcome:
    """A step that takes as long as it says, whatever else the machine does."""
    time.sleep(step.what["seconds"])
    return Outcome(step, "done")


def slept(workers: int = 3, steps: int = 90) -> dict[str, Any]:
    """Seconds that sleeping steps, in chains of three behind one, take on processes, beside the simulated ones; the workers' start is not in it."""
    seconds = [0.5] + [0.2 + 0.037 * (37 * k % 23) for k in range(steps - 1)]
    needs = [[]] + [[0] if k % 3 == 1 else [k - 1] for k in range(1, steps)]
    start = [Step("start", str(k), (), f"start {k}", {"seconds": 10.0}) for k in range(workers)]
    rest = [Step("sleep", str(k), tuple(("sleep", str(n)) for n in needs[k]) or tuple(s.name for s in start), f"sleep {k}", {"seconds": s}) for k, s in enumerate(seconds)]  # fmt: skip
    began: list[float] = []
    graph = Graph(
        {s.name: s for s in [*start, *rest]},
        costs=StatedCosts(),
        started=lambda step, _: began.append(time.monotonic()) if step.key == "0" else None,
    )
    last = [time.monotonic() for _ in processes(graph, sleeping, workers=workers)][-1]
    took, expected = last - began[-1], makespan(Work(seconds, needs, [False] * steps), workers)
    return {
        "workers": workers,
        "steps": steps,
        "seconds": round(took, 2),
        "simulated": round(expected, 2),
        "simulated_over_seconds": round(expected / took, 3),
    }


def main() -> None:
    """Estimates, carries out, compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data-dir", "--work", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    work, data = given.work, given.data_dir.resolve()
    work.mkdir(parents=True, exist_ok=True)
    for name, seeds in (("a", [0]), ("b", [1, 2])):
        (work / f"{name}.toml").write_text(STUDY.format(seeds=seeds))
    if not (work / "store-a").exists():
        canforget(work, data, "run", "a.toml", "--engine", "serial", "--store", "store", "--out", "out-a")
        shutil.copytree(work / "store", work / "store-a")
    ahead = {
        "another_seed": estimated(work, data, "seed", "--store", "store-a"),
        "few_images": estimated(work, data, "few", "--store", "empty", "--measure"),
    }
    process = carried_out(work, data)
    steps = took(work / "store", work / "store-a")
    report = {
        "study": STUDY.format(seeds=[1, 2]), "processor": processor(), "threads": int(os.environ.get("OMP_NUM_THREADS", "0")), "steps": steps, "process": process,
        "estimates": {name: compared(about, steps) for name, about in ahead.items()}, "simulation": simulated(), "schedule_carried_out": slept(),
    }  # fmt: skip
    write_json(given.out, report)
    print(json.dumps(report["estimates"], indent=1))


if __name__ == "__main__":
    main()
