"""One study from two machines' worth of processes on one bucket of a local S3-protocol server (moto), undisturbed and through faults.

    python benchmarks/remote_store.py > results/remote_store.json

Each machine is a process group with a cache of its own. Counted: steps computed by both together, records that differ from those of a local
store. Needs the extra `remote`, and moto.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.study.s3_server import ACCESS, BUCKET, Moto, moto_running, proxy

STUDY = ["--datasets", "digits", "--models", "tiny_cnn", "--scenarios", "whole_class:classes=3", "--unlearners", "neggrad_plus", "--quantizers", "none", "int:bits=4", "--set", "fit.epochs=2"]  # fmt: skip


def begin(folder: Path, name: str, store: str, endpoint: str = "") -> Any:
    """A machine that carries out the study."""
    about = {**os.environ, **ACCESS, "AWS_ENDPOINT_URL": endpoint, "CANFORGET_CACHE_DIR": str(folder / f"cache-{name}"), "CANFORGET_LEASE_SECONDS": "20"}  # fmt: skip
    command = [sys.executable, "-m", "canforget", "run", *STUDY, "--engine", "serial", "--store", store, "--out", str(folder / name)]
    return subprocess.Popen(command, env=about, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def values(folder: Path) -> Any:
    """What was found, without seconds and conditions."""
    return [(r["case"], r["values"], r["steps"]) for r in json.loads((folder / "results.json").read_text())["records"]]


def computed(folder: Path, *names: str) -> list[str]:
    """The keys of the steps that these machines computed, in order."""
    found = []
    for name in names:
        events = [json.loads(line) for line in (folder / name / "run.jsonl").read_text().splitlines()]
        steps = next(e["steps"] for e in events if e["event"] == "plan")
        found += [steps[e["step"]][1] for e in events if e["event"] == "done"]
    return sorted(found)


def ended(folder: Path, names: tuple[str, ...], machines: Any, began: float, truth: Any) -> dict[str, Any]:
    """What became of machines, once they have ended."""
    said = [m.communicate()[1] for m in machines]
    done = computed(folder, *names)
    return {
        "exit_codes": [m.returncode for m in machines], "seconds": round(time.monotonic() - began, 1), "computed": len(done), "twice": len(done) - len(set(done)),
        "records_differ": [values(folder / n) != truth for n in names], "lines_on_stderr": [line for text in said for line in text.splitlines() if "damaged" in line or "canforget:" in line],
    }  # fmt: skip


def local(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The study on a local store: the truth."""
    began = time.monotonic()
    machine = begin(folder, "local", str(folder / "store"))
    machine.communicate()
    return values(folder / "local"), {"seconds": round(time.monotonic() - began, 1), "computed": len(computed(folder, "local"))}


def two_at_once(folder: Path, server: Moto, truth: Any) -> dict[str, Any]:
    """Two machines, one bucket."""
    began, names = time.monotonic(), ("a", "b")
    return ended(folder, names, [begin(folder, n, f"s3://{BUCKET}/two", server.url) for n in names], began, truth)


def killed_server(folder: Path, server: Moto, truth: Any) -> dict[str, Any]:
    """The server killed when three steps are done, and started again, empty."""
    began, names = time.monotonic(), ("c", "d")
    machines = [begin(folder, n, f"s3://{BUCKET}/killed", server.url) for n in names]
    while not all((folder / n / "run.jsonl").exists() for n in names) or len(computed(folder, *names)) < 3:
        time.sleep(0.1)
    server.kill()
    time.sleep(2)
    server.start()
    found = ended(folder, names, machines, began, truth)
    return {
        **found,
        "note": "the server keeps its objects in memory: what it held was lost, and put there again from caches or computed again",
    }


def bad_answers(folder: Path, server: Moto, truth: Any) -> dict[str, Any]:
    """A proxy that spoils every third request: 500, a dropped connection, an answer that never comes, a slow one."""
    began = time.monotonic()
    with proxy(server.port) as faults:
        faults.upcoming = [fault if k % 3 == 2 else "" for k in range(3000) for fault in [("500", "drop", "lost", "slow")[k // 3 % 4]]]
        found = ended(folder, ("e",), [begin(folder, "e", f"s3://{BUCKET}/bad", f"http://127.0.0.1:{faults.port}")], began, truth)
        return {**found, "requests": len(faults.seen), "spoiled": sum(" " in request for request in faults.seen)}


CAMPAIGNS = {"two_at_once": two_at_once, "killed_server": killed_server, "bad_answers": bad_answers}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=CAMPAIGNS, default=list(CAMPAIGNS))
    chosen = parser.parse_args().only
    with tempfile.TemporaryDirectory() as place, moto_running() as running:
        root = Path(place)
        reference, told = local(root)
        report = {"study": " ".join(STUDY), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "local": told}
        print(json.dumps(report | {name: CAMPAIGNS[name](root, running, reference) for name in chosen}, indent=1))
