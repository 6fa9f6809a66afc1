"""Faults of a store in a bucket: a server that answers badly, that is killed and comes back empty, and whose objects are damaged."""

import json
import os
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from fault_study import Trial, ended, name_of

from canforget.study.planned_steps import Step
from canforget.study.remote_store import object_name
from tests.study.s3_server import ACCESS, BUCKET, Moto, proxy


@cache
def server() -> Moto:
    """The server of the whole campaign, begun when it is first needed."""
    moto = Moto()
    moto.start()
    return moto


def machine(trial: Trial, name: str, url: str = "") -> Callable[[], None]:
    """What makes a process one of a machine of that name, with a cache of its own."""
    about = {
        **ACCESS,
        "AWS_ENDPOINT_URL": url or server().url,
        "CANFORGET_CACHE_DIR": str(trial.folder / name),
        "CANFORGET_LEASE_SECONDS": "20",
    }
    return lambda: os.environ.update(about)


def into_bucket(trial: Trial) -> None:
    """Has the trial use a place of its own in the bucket."""
    trial.store = Path(f"s3://{BUCKET}/{trial.folder.parent.name}/{trial.folder.name}")
    trial.last = machine(trial, "last")


@contextmanager
def bad_server(trial: Trial) -> Iterator[str]:
    """A proxy, in a process of its own, that spoils some of the requests; yields its address, and counts what it did."""
    told, enough, share = trial.folder / "spoiled.json", trial.folder / "enough", trial.chance.uniform(0.05, 0.35)
    faults = [trial.chance.choice(["500", "drop", "lost", "slow"]) if trial.chance.random() < share else "" for _ in range(20000)]
    target = server().port
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException), proxy(target) as running:
            running.upcoming = faults
            write(told, running.port)
            while not enough.exists():
                time.sleep(0.05)
            write(told, Counter(request.partition(" ")[2] for request in running.seen))
        os._exit(0)
    while not told.exists():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{json.loads(told.read_text())}"
    finally:
        enough.touch()
        os.waitpid(pid, 0)
    for fault, number in json.loads(told.read_text()).items():
        trial.faults[f"request spoiled: {fault}" if fault else "request answered well"] += number


def write(path: Path, content: object) -> None:
    """Writes JSON at once."""
    path.with_suffix(".part").write_text(json.dumps(content))
    path.with_suffix(".part").rename(path)


def bucket_answers_badly(trial: Trial) -> None:
    """Two machines, and a server that spoils up to a third of the requests."""
    into_bucket(trial)
    with bad_server(trial) as url, ExitStack() as both:
        for name in ("a", "b"):
            both.enter_context(trial.running(first=machine(trial, name, url)))
    trial.answers += [e["records"] for e in trial.events("end")]


def bucket_server_killed(trial: Trial) -> None:
    """Two machines, one of them killed; the server killed and begun again, empty: what it held comes from a cache, or is computed again."""
    into_bucket(trial)
    with trial.running(first=machine(trial, "a")) as pid, trial.running(first=machine(trial, "b")) as other:
        if trial.until_more(other, 8):
            os.kill(other, signal.SIGKILL)
            trial.faults["machine killed"] += 1
        trial.until_more(pid, 12)
        gone = {e["step"] for e in trial.events("done")}
        server().kill()
        time.sleep(trial.chance.uniform(0, 2))
        server().start()
        trial.faults["server killed"] += 1
        trial.lost.update(gone)
        while not ended(pid):
            time.sleep(0.1)
    trial.wanted["missing: "] = 0
    trial.wanted["deleted: "] = 0
    trial.wanted["silent: "] = 0
    trial.wanted["cannot be "] = 0
    trial.answers += [e["records"] for e in trial.events("end")]


def objects_damaged(trial: Trial) -> None:
    """Objects that are read cut off, emptied or deleted; a machine with an empty cache goes on."""
    into_bucket(trial)
    with trial.running(first=machine(trial, "a")):
        pass
    judged = [s for s in trial.drawn.steps if s.verb == "judge"]
    for step, harm in zip(trial.chance.sample(judged, 4), ("truncate", "empty", "truncate", "delete"), strict=True):
        content = asked("GET", trial, step)
        cut = b"" if harm == "empty" else content[: trial.chance.randrange(1, len(content) - 2000)]
        asked("DELETE" if harm == "delete" else "PUT", trial, step, None if harm == "delete" else cut)
        trial.faults[f"{harm} object"] += 1
        trial.lost[name_of(step)] += 1
        trial.wanted["damaged: judge: "] += harm != "delete"


def asked(method: str, trial: Trial, step: Step, content: bytes | None = None) -> bytes:
    """What the server answers to a request for the object of a step."""
    url = f"{server().url}/{str(trial.store).partition('/')[2]}/{object_name(*step.name)}"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}
    with urllib.request.urlopen(urllib.request.Request(url, content, signed, method=method)) as answer:
        return bytes(answer.read())


def put_back(trial: Trial) -> None:
    """Objects deleted that a machine has in its cache."""
    into_bucket(trial)
    with trial.running(first=machine(trial, "last")):
        pass
    for step in trial.chance.sample(trial.drawn.steps, 4):
        asked("DELETE", trial, step)
        trial.faults["delete object that is cached"] += 1
        trial.wanted[f"missing: {step.verb}: {step.key[:12]}"] += 1
