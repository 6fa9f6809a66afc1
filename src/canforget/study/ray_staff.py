"""Workers of a Ray cluster as a crew knows them: hired where there is room, greeted before they work, their deaths told from lost machines."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from canforget import __version__
from canforget.errors import EngineError
from canforget.progress import note
from canforget.study.crew import FALSE_STARTS, Ended
from canforget.study.engine_options import EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.ray_cluster import last_line
from canforget.study.ray_worker import Greeting, RayWorker, Surroundings, travelling
from canforget.study.schedule import Outcome
from canforget.study.step_profile import ON_GPU

LOOK_SECONDS = 5.0
"""How often a cluster is asked for its machines."""
DESPAIR_SECONDS = 30.0
"""How long steps may wait without a worker before a line says so."""


@dataclass(eq=False)
class HiredWorker:
    """A worker as the driver knows it: its actor, the answer that it owes, and "coming", "free", "busy" or "gone"; at no place before its hello."""

    ray: Any
    actor: Any
    number: int
    gpu: bool
    networks: bool
    state: str = "coming"
    owes: Any = None
    step: Step | None = None
    place: str = ""
    host: str = ""

    @property
    def name(self) -> str:
        """Its number, and its machine where there may be several."""
        return f"{self.number}@{self.host}" if self.host else str(self.number)

    def serves(self, step: Step) -> bool:
        """Whether it has what the step needs."""
        return self.networks or step.verb not in ON_GPU

    def greet(self) -> None:
        """Asks whether it is there."""
        self.state, self.owes = "coming", self.actor.hello.remote()

    def begin(self, step: Step) -> None:
        """Hands it a step."""
        self.state, self.step, self.owes = "busy", step, self.actor.carry_out.remote(step)

    def end(self) -> None:
        """Has its process killed."""
        self.state, self.owes = "gone", None
        with suppress(self.ray.exceptions.RayError, ValueError):
            self.ray.kill(self.actor, no_restart=True)


@dataclass
class RayStaff:
    """As many workers as `most`, else as the cluster has room for, never more than there are steps; a machine's memory and theirs."""

    ray: Any
    work: Callable[[Step], Outcome]
    options: EngineOptions
    most: int | None
    around: Surroundings
    local: bool = False
    hired: list[HiredWorker] = field(default_factory=list)
    nodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    looked: float = float("-inf")
    false_starts: int = 0
    worked: float = field(default_factory=lambda: time.monotonic())

    def free(self, waiting: Sequence[Step]) -> Sequence[HiredWorker]:
        """Workers with nothing to do, after others were hired where there is room; those with a GPU last, for every step will do for them."""
        self.hired = [w for w in self.hired if w.state != "gone"]
        self.hire(waiting)
        return sorted((w for w in self.hired if w.state == "free"), key=lambda w: w.gpu)

    def hire(self, waiting: Sequence[Step]) -> None:
        """Asks the cluster for more workers: with a GPU, without, and then for as many as the user wants and it has no room for yet."""
        self.look()
        dealt = self.options.gpus_per_step > 0
        there = {gpu: sum(w.gpu == gpu and w.state in ("coming", "free") for w in self.hired) for gpu in (True, False)}
        with_gpu, without = room_of(self.nodes, self.options)
        networks = sum(s.verb in ON_GPU for s in waiting) if dealt else 0
        others = len(waiting) - networks
        if self.local and waiting and not (with_gpu if networks else with_gpu + without):
            raise EngineError(f"--engine ray: a step is to have {share_of(self.options)}, and there is {totals(self.nodes)}")
        wanted = {True: networks + max(0, others - without) * dealt - there[True], False: others - there[False]}
        for gpu, room in ((True, with_gpu), (False, without), (dealt, self.most or 0)):
            have = sum(w.gpu == gpu for w in self.hired)
            for _ in range(min(wanted[gpu], room - have, (self.most or 10**6) - len(self.hired))):
                self.hired.append(self.made(gpu))
                wanted[gpu] -= 1

    def made(self, gpu: bool) -> HiredWorker:
        """A new worker, which the cluster starts as soon as it can."""
        dealt = self.options.gpus_per_step > 0
        about = {"num_cpus": self.options.cpus_per_step, "num_gpus": self.options.gpus_per_step if gpu else 0}
        actor = self.ray.remote(**about, max_restarts=0, max_task_retries=0)(RayWorker).remote(
            travelling(self.work, gpu or not dealt), self.around
        )
        number = min(set(range(1, len(self.hired) + 2)) - {w.number for w in self.hired})
        worker = HiredWorker(self.ray, actor, number, gpu, networks=gpu or not dealt)
        worker.greet()
        return worker

    def look(self, at_once: bool = False) -> None:
        """Asks for the machines of the cluster and what they have, now and then."""
        if at_once or time.monotonic() - self.looked > LOOK_SECONDS:
            self.nodes = {n["NodeID"]: n["Resources"] for n in self.ray.nodes() if n["Alive"]}
            self.looked = time.monotonic()

    def memory(self, place: str) -> float:
        """Bytes that Ray lets the workers of a machine have."""
        return self.nodes.get(place, {}).get("memory", float("inf"))

    def wait(self, seconds: float | None) -> Sequence[Ended]:
        """What became of steps once something has happened; soon in any case, for machines come and go."""
        patience = LOOK_SECONDS if seconds is None else min(seconds, LOOK_SECONDS)
        owed = {w.owes: w for w in self.hired if w.owes is not None}
        if owed:
            ready, _ = self.ray.wait(list(owed), num_returns=1, timeout=patience)
            ready = self.ray.wait(list(owed), num_returns=len(owed), timeout=0)[0] if ready else []
        else:
            time.sleep(patience)
            ready = []
        self.despair()
        return [ended for answer in ready if (ended := self.answered(owed[answer])) is not None]

    def despair(self) -> None:
        """Says once that steps wait for machines that are not there."""
        now = time.monotonic()
        if any(w.state == "busy" for w in self.hired):
            self.worked = now
        elif now - self.worked > DESPAIR_SECONDS:
            note(f"waiting for a machine with {share_of(self.options)} free: the cluster has {totals(self.nodes)}")
            self.worked = float("inf")

    def answered(self, worker: HiredWorker) -> Ended | None:
        """What a worker's answer means: it is there, has ended a step, or is dead."""
        step, busy = worker.step, worker.state == "busy"
        try:
            found = self.ray.get(worker.owes)
        except self.ray.exceptions.RayTaskError as problem:
            if not busy or step is None:
                raise EngineError(f"--engine ray: a worker cannot begin ({last_line(problem)})") from problem
            found = Outcome(step, "failed", error=last_line(problem))
        except self.ray.exceptions.RayError as problem:
            return self.died(worker, problem)
        worker.state, worker.owes, worker.step = "free", None, None
        if busy:
            return Ended(worker, found)
        self.welcome(worker, found)
        return None

    def welcome(self, worker: HiredWorker, greeting: Greeting) -> None:
        """Takes in who a worker is; one that cannot do as the driver would ends the run, for others would do no better."""
        if greeting.version != __version__:
            raise EngineError(
                f"--engine ray: {greeting.host} has canforget {greeting.version}, and this is {__version__}; install the same"
            )
        if greeting.problem:
            raise EngineError(f"--engine ray: the worker on {greeting.host} {greeting.problem}")
        worker.place, worker.host, self.false_starts = greeting.place, "" if self.local else greeting.host, 0

    def died(self, worker: HiredWorker, problem: Exception) -> Ended | None:
        """Buries a worker; whoever else seemed free is asked whether it still is, for machines die with all their workers."""
        busy, unborn = worker.state == "busy", not worker.place
        worker.end()
        for other in self.hired:
            if other.state == "free":
                other.greet()
        if unborn:
            self.false_starts += 1
            if self.false_starts >= FALSE_STARTS:
                raise EngineError(f"--engine ray: no worker can begin ({last_line(problem)})") from problem
        self.look(at_once=True)
        lost = isinstance(problem, self.ray.exceptions.ActorUnavailableError) or worker.place not in self.nodes
        return Ended(worker, None, innocent=lost) if busy else None

    def dismiss(self) -> None:
        """Ends all workers."""
        for worker in self.hired:
            worker.end()


def room_of(nodes: Mapping[str, Mapping[str, float]], options: EngineOptions) -> tuple[int, int]:
    """How many workers with a GPU, and how many without, the machines have room for.

    >>> room_of({"a": {"CPU": 8.0, "GPU": 1.0}, "b": {"CPU": 4.0}}, EngineOptions(gpus_per_step=0.25))
    (4, 8)
    """
    with_gpu = without = 0
    for resources in nodes.values():
        cpus, share = int(resources.get("CPU", 0) // options.cpus_per_step), options.gpus_per_step
        gpus = int(resources.get("GPU", 0))
        here = min(cpus, 0 if not share else gpus * int(1 / share + 1e-9) if share <= 1 else int(gpus // share))
        with_gpu, without = with_gpu + here, without + cpus - here
    return with_gpu, without


def share_of(options: EngineOptions) -> str:
    """What a step is to have, in words.

    >>> share_of(EngineOptions(cpus_per_step=2, gpus_per_step=0.25))
    '2 CPU and 0.25 GPU'
    """
    return f"{options.cpus_per_step} CPU" + (f" and {options.gpus_per_step:g} GPU" if options.gpus_per_step else "")


def totals(nodes: Mapping[str, Mapping[str, float]]) -> str:
    """What the machines have together, in words."""
    cpus, gpus = (sum(r.get(kind, 0) for r in nodes.values()) for kind in ("CPU", "GPU"))
    return f"{len(nodes)} machine{'s' * (len(nodes) != 1)} with {cpus:g} CPU and {gpus:g} GPU"
