"""The small study that faults are done to, each time in processes of its own that keep a journal; and what must be as without them."""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from canforget.errors import CanforgetError
from canforget.progress import noting
from canforget.report.record import Record
from canforget.study.plan import Plan
from canforget.study.remote_store import store_at
from canforget.study.run import run
from canforget.study.store import Store

STUDY = {
    "datasets": "digits", "models": "tiny_cnn:width=4", "scenarios": "whole_class:classes=3", "unlearners": "finetune:fit.epochs=1",
    "fit": {"epochs": 2, "batch_size": 256}, "quantizers": ["none", "int:bits=4"], "noise_draws": 19, "noise_images": 5, "probes": True, "judged_retain": 40,
}  # fmt: skip
TIMES = ("seconds", "conditions")
"""What of a record may differ between two runs."""
Event = dict[str, Any]


def without_times(records: list[Record]) -> Any:
    """Records as JSON, but for how long they took."""
    return json.loads(json.dumps([{k: v for k, v in asdict(r).items() if k not in TIMES} for r in records]))


def torn_in(store: Store, drawn: Plan) -> list[str]:
    """Artifacts that a study needs and that are not whole, and leases that nobody holds any more."""
    torn = [f"{s.verb} {s.key[:12]}: {why}" for s in drawn.steps if (why := store.damage(*s.name))]
    return torn + [str(p) for p in store.root.glob("leases/*")]


@dataclass
class Trial:
    """One study, the faults done to it, and what was seen. `lost` are the steps that may be computed again, `wanted` what must be said, how often."""

    folder: Path
    drawn: Plan
    expected: Any
    chance: random.Random
    store: Path = field(init=False)
    faults: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    answers: list[Any] = field(default_factory=list)
    last: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.store = self.folder / "store"

    @property
    def journal(self) -> Path:
        """What all processes of this trial have told, a line of JSON each."""
        return self.folder / "journal.jsonl"

    @property
    def log(self) -> Path:
        """What its processes have said on standard error."""
        return self.folder / "log"

    def events(self, *kinds: str) -> list[Event]:
        """What was told so far, of these kinds."""
        if not self.journal.exists():
            return []
        return [e for line in self.journal.read_text().splitlines() if (e := json.loads(line))["event"] in kinds]

    def tell(self, kind: str, **what: Any) -> None:
        """Appends a line to the journal, in one write."""
        descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, (json.dumps({"event": kind, **what}) + "\n").encode())
        os.close(descriptor)

    def carry_out(self, engine: str, on_start: Callable[[str], None], **options: Any) -> None:
        """Runs the study as a person would, and tells what happens."""

        def started(step: Any, worker: str) -> None:
            self.tell("start", step=name_of(step))
            on_start(name_of(step))

        try:
            with noting(lambda line: self.tell("line", line=line)):
                records = run(
                    self.drawn, str(self.store), engine=engine, workers=2, started=started,
                    notify=lambda o: self.tell(o.status, step=name_of(o.step), error=o.error), **options,
                )  # fmt: skip
            self.tell(
                "end",
                torn=self.torn() if on_start is at_last else [],
                records=without_times(records),
                modules=[m for m in sys.modules if m.startswith(("torch.", "scipy.", "sklearn.", "canforget."))],
            )
        except CanforgetError as problem:
            self.tell("raised", line=str(problem))

    @contextmanager
    def running(self, engine: str = "serial", first: Callable[[], None] = lambda: None, on_start: Callable[[str], None] = lambda step: None, **options: Any) -> Iterator[int]:  # fmt: skip
        """A process that carries the study out, which does `first` before; waited for at the end of the block, however it ends."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.dup2(log, 2)
                first()
                self.carry_out(engine, on_start, **options)
                os._exit(0)
            except BaseException as problem:
                self.tell("crashed", line=f"{type(problem).__name__}: {problem}")
            finally:
                os._exit(1)
        try:
            yield pid
        finally:
            os.waitpid(pid, 0)

    def until_more(self, pid: int, most: int) -> bool:
        """Waits until a process has told of some more steps and a moment longer; False where it ended before."""
        target = len(self.events("start", "done")) + self.chance.randint(0, most)
        while len(self.events("start", "done")) < target:
            if ended(pid):
                return False
            time.sleep(0.003)
        time.sleep(self.chance.uniform(0, 0.15))
        return not ended(pid)

    def verdict(self) -> Event:
        """Lets the study end undisturbed, and says whether all is as it must be."""
        with self.running(first=self.last, on_start=at_last):
            pass
        done = Counter(e["step"] for e in self.events("done"))
        said = [e["line"] for e in self.events("line", "raised")] + [e["error"] for e in self.events("failed")]
        found = {want: sum(want in line for line in said) for want in self.wanted}
        ends, lines = self.events("end"), Counter(line for line in said if not any(want in line for want in self.wanted))
        return {
            "faults": dict(self.faults), "other_records": sum(records != self.expected for records in [e["records"] for e in ends[-1:]] + self.answers) + (not ends),
            "torn": [why for e in ends for why in e["torn"]], "twice": sum((done - Counter(dict.fromkeys(done, 1)) - self.lost).values()), "computed": done.total(),
            "not_named": [f"{want}: {found[want]} of {n}" for want, n in self.wanted.items() if found[want] < n or (found[want] > n and "maged: " in want)],
            "not_one_line": [line for line in said if "\n" in line], "other_lines": list(lines)[:5], "crashed": [e["line"] for e in self.events("crashed")], "tracebacks": self.log.read_text().count("Traceback") if self.log.exists() else 0,
            "said": sorted({line[:160] for line in said})[:3],
        }  # fmt: skip

    def torn(self) -> list[str]:
        """Artifacts that the study needs and that are not whole in the end, and leases that nobody holds."""
        return torn_in(store_at(str(self.store)), self.drawn)


def at_last(step: str) -> None:
    """What the last run of a trial does at a step: nothing; it is told by this that it is the last."""


def name_of(step: Any) -> str:
    """A step's verb and key."""
    return f"{step.verb}/{step.key}"


def ended(pid: int) -> bool:
    """Whether a child has ended; it is not waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def workers_of(pid: int) -> list[int]:
    """The worker processes of a driver."""
    try:
        children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return []


@contextmanager
def small_disk(trial: Trial, size: str) -> Iterator[Callable[[str], None]]:
    """The trial's store on a file system of its own in memory; yields what mounts it anew with other options. For root."""
    from subprocess import run as command

    place = trial.store
    place.mkdir()
    command(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)

    def again(options: str) -> None:
        for _ in range(400):
            if command(["mount", "-o", f"remount,{options}", str(place)], capture_output=True).returncode == 0:
                return
            time.sleep(0.01)
        raise RuntimeError(f"cannot be mounted {options}")

    try:
        yield again
    finally:
        command(["umount", str(place)], check=True)
