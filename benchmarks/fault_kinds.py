"""The faults, a function each: every one is done to a study several times at random, and says what the study must say of it."""

import json
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import cycle
from pathlib import Path

from fault_bucket import bucket_answers_badly, bucket_server_killed, objects_damaged, put_back
from fault_study import Trial, ended, name_of, small_disk, workers_of

from canforget.study.engine_options import EngineOptions
from canforget.study.store import Store


def driver_killed(trial: Trial) -> None:
    """The only process of a study, killed again and again."""
    for _ in range(trial.chance.randint(15, 20)):
        with trial.running() as pid:
            if trial.until_more(pid, 4):
                os.kill(pid, signal.SIGKILL)
                trial.faults["driver killed"] += 1


def workers_killed(trial: Trial) -> None:
    """Workers of a study killed, and at last its driver."""
    for _ in range(2):
        with trial.running("processes") as pid:
            for _ in range(3):
                while not (workers := workers_of(pid)) and not ended(pid):
                    time.sleep(0.01)
                if not trial.until_more(pid, 4):
                    break
                victim = trial.chance.choice([*workers_of(pid), *workers])
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    trial.faults["worker killed"] += 1
            if trial.until_more(pid, 2):
                os.kill(pid, signal.SIGKILL)
                trial.faults["driver killed"] += 1
    trial.wanted["a worker process died"] = 0
    trial.wanted["its worker process died twice"] = 0


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


def delete_folder(path: Path, chance: random.Random) -> None:
    """Removes the whole artifact."""
    shutil.rmtree(path.parent)


HARMS = (flip, truncate, empty, delete, delete_folder)


def files_damaged(trial: Trial) -> None:
    """Half of the artifacts of a finished study damaged, in different ways."""
    shutil.copytree(pristine(trial), trial.store)
    time.sleep(0.01)  # a change within one tick of the clock would not show in the file's times
    for harm, step in zip(cycle(HARMS), trial.chance.sample(trial.drawn.steps, 12), strict=False):
        harm(trial.chance.choice(sorted(Store(trial.store).folder(*step.name).iterdir())), trial.chance)
        trial.faults[f"{harm.__name__} {step.verb}"] += 1
        trial.lost[name_of(step)] += 1
        trial.wanted[f"{'deleted' if harm is delete_folder else 'damaged'}: {step.verb}: "] += 1


def pristine(trial: Trial) -> Path:
    """A finished store of the study, beside all trials."""
    return trial.folder.parent / "pristine"


def checkpoint_damaged(trial: Trial) -> None:
    """Both trainings killed after an epoch, and their checkpoints damaged."""
    seen = set[Path]()
    for harm in trial.chance.sample((flip, truncate, empty), 2):
        fresh: set[Path] = set()
        with trial.running() as pid:
            while not (fresh := set((trial.store / "partial").glob("*.safetensors")) - seen) and not ended(pid):
                time.sleep(0.0005)
            os.kill(pid, signal.SIGKILL)
        for path in [path for path in fresh if path.exists()]:
            seen.add(path)
            harm(path, trial.chance)
            trial.faults[f"{harm.__name__} checkpoint"] += 1
            trial.wanted["damaged: checkpoint"] += 1


def disk_full(trial: Trial) -> None:
    """A disk that is full before the study is done, and larger afterwards."""
    with small_disk(trial, f"{trial.chance.randint(60, 900)}k") as mount:
        with trial.running(trial.chance.choice(["serial", "serial", "processes"])):
            pass
        full = len(trial.events("done")) < len(trial.drawn.steps)
        trial.faults["disk full" if full else "disk just large enough"] += 1
        trial.wanted["No space left on device"] = int(full)
        mount("size=64m")
        keep(trial)


def disk_read_only(trial: Trial) -> None:
    """A disk that can only be read from some moment on."""
    with small_disk(trial, "64m") as mount:
        with trial.running() as pid:
            trial.until_more(pid, 30)
            mount("ro")
            trial.faults["store read-only"] += 1
        trial.wanted["Read-only file system"] = int(len(trial.events("done")) < len(trial.drawn.steps))
        mount("rw")
        keep(trial)


def keep(trial: Trial) -> None:
    """Moves a store out of the small disk, as far as it is finished, for the study to go on."""
    shutil.copytree(trial.store, trial.folder / "kept")
    trial.store = trial.folder / "kept"


def clocks_jump(trial: Trial) -> None:
    """Two drivers on one store whose clocks jump by days at every look, and files whose dates do."""

    def jumping() -> None:
        chance, real = random.Random(os.getpid()), time.time
        time.time = lambda: real() + chance.uniform(-2e5, 2e5)

    with ExitStack() as both:
        pids = [both.enter_context(trial.running(first=jumping)) for _ in range(2)]
        while not all(ended(pid) for pid in pids):
            for path in [p for p in trial.store.rglob("*") if trial.chance.random() < 0.2]:
                with suppress(OSError):
                    os.utime(path, (time.time() + trial.chance.uniform(-2e5, 2e5),) * 2)
                    trial.faults["date of a file changed"] += 1
            time.sleep(0.1)
    trial.faults["drivers with jumping clocks"] += 2
    trial.answers += [e["records"] for e in trial.events("end")]


def drivers_at_once(trial: Trial) -> None:
    """Two or eight drivers on one store; some of the eight are killed."""
    number = trial.chance.choice([2, 8])
    with ExitStack() as all_of_them:
        pids = [all_of_them.enter_context(trial.running()) for _ in range(number)]
        for pid in pids[:3] if number == 8 else ():
            if trial.until_more(pid, 6):
                os.kill(pid, signal.SIGKILL)
                trial.faults["driver killed beside others"] += 1
    trial.faults[f"{number} drivers at once"] += 1
    trial.answers += [e["records"] for e in trial.events("end")]


def out_of_memory(trial: Trial) -> None:
    """Steps that get no more memory than the process has already."""
    steps = {name_of(s) for s in trial.chance.sample([s for s in trial.drawn.steps if s.verb != "split"], 3)}

    def tighten(step: str) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + 4096 if step in steps else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        trial.tell("tight" if step in steps else "loose", step=step)

    with trial.running(on_start=tighten):
        pass
    trial.faults["step without memory"] += len(trial.events("tight"))
    trial.wanted["memory"] = 0


def killed_for_memory(trial: Trial) -> None:
    """A step that takes its worker down every time."""
    victim = name_of(trial.chance.choice([s for s in trial.drawn.steps if s.verb in ("train", "unlearn", "judge")]))

    def aim(step: str) -> None:
        if step == victim:
            threading.Thread(target=signalled, args=(trial.store, victim, signal.SIGKILL), daemon=True).start()

    with trial.running("processes", on_start=aim):
        pass
    trial.faults["worker killed in the same step"] += len([e for e in trial.events("start") if e["step"] == victim])
    trial.wanted["its worker process died twice"] = 1
    trial.wanted["a worker process died"] = 1


def signalled(store: Path, step: str, signal_number: int) -> None:
    """Signals the worker of this process that holds the lease of a step, as soon as one does."""
    lease = store / "leases" / f"{step.partition('/')[2]}.json"
    for _ in range(100_000):
        time.sleep(0.001)
        with suppress(OSError, ValueError):
            holder = json.loads(lease.read_text())["process"]
            if holder in workers_of(os.getpid()):
                os.kill(holder, signal_number)
                return


def step_hangs(trial: Trial) -> None:
    """A worker that stops in the middle of a step, which may take so long and no longer."""
    victim = name_of(trial.chance.choice([s for s in trial.drawn.steps if s.verb in ("train", "unlearn", "judge")]))

    def aim(step: str) -> None:
        if step == victim:
            threading.Thread(target=signalled, args=(trial.store, victim, signal.SIGSTOP), daemon=True).start()

    with trial.running("processes", on_start=aim, engine_options=EngineOptions(step_limit=60)):
        pass
    trial.faults["step that hangs"] += 1
    trial.wanted["took longer than 60 s and was ended"] = 1


KINDS: dict[str, tuple[Callable[[Trial], None], int]] = {
    "driver_killed": (driver_killed, 12), "workers_killed": (workers_killed, 4), "files_damaged": (files_damaged, 20), "checkpoint_damaged": (checkpoint_damaged, 4),
    "disk_full": (disk_full, 6), "disk_read_only": (disk_read_only, 4), "clocks_jump": (clocks_jump, 4), "drivers_at_once": (drivers_at_once, 4),
    "out_of_memory": (out_of_memory, 4), "killed_for_memory": (killed_for_memory, 1), "step_hangs": (step_hangs, 1),
    "bucket_answers_badly": (bucket_answers_badly, 3), "bucket_server_killed": (bucket_server_killed, 2), "objects_damaged": (objects_damaged, 2), "put_back": (put_back, 2),
}  # fmt: skip
"""Every kind of fault, and how many studies of the whole campaign suffer it."""
