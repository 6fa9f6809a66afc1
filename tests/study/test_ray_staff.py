"""The workers of a cluster whose library is played: what actors answer, when they die, which machines there are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from canforget import __version__
from canforget.errors import EngineError
from canforget.progress import noting
from canforget.study.crew import carried_out_by
from canforget.study.engine_options import EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.ray_staff import RayStaff
from canforget.study.ray_worker import Greeting, Surroundings
from canforget.study.schedule import Graph, Outcome


class Thing:
    """Anything with attributes, told from all others."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class RayError(Exception):
    """What the library raises."""


class ActorDiedError(RayError):
    """A worker process is dead."""


class ActorUnavailableError(RayError):
    """A worker does not answer."""


class RayTaskError(RayError):
    """What was called raised."""


class Exceptions:
    """The library's errors by its own names."""

    RayError, ActorUnavailableError, RayTaskError = RayError, ActorUnavailableError, RayTaskError


@dataclass
class Library:
    """As much of Ray as the staff uses: calls are answered when they are waited for, by `answer(place, method, step)`."""

    answer: Callable[[str, str, Any], Any]
    machines: dict[str, dict[str, float]]
    actors: list[Any] = field(default_factory=list)
    killed: list[Any] = field(default_factory=list)

    @property
    def exceptions(self) -> Any:
        return Exceptions

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": name, "Alive": True, "Resources": has} for name, has in self.machines.items()]

    def remote(self, **about: Any) -> Any:
        assert (about.pop("max_restarts"), about.pop("max_task_retries")) == (0, 0), "who died is tried again by us"
        return lambda kind: Thing(remote=lambda *given: self.actor(about))

    def actor(self, about: dict[str, float]) -> Any:
        """An actor on the first machine with room, or on none yet."""
        wants = {"CPU": about["num_cpus"], "GPU": about["num_gpus"]}
        used = {name: [a.wants for a in self.actors if a.place == name and a not in self.killed] for name in self.machines}
        fits = [n for n, has in self.machines.items() if all(sum(u[k] for u in used[n]) + wants[k] <= has.get(k, 0) for k in wants)]
        actor: Any = Thing(place=fits[0] if fits else "", wants=wants)
        for method in ("hello", "carry_out"):
            setattr(actor, method, Thing(remote=lambda *step, method=method: Thing(of=actor, method=method, step=step)))
        self.actors.append(actor)
        return actor

    def wait(self, references: list[Any], num_returns: int, timeout: float) -> Any:
        return [r for r in references if r.of.place][:num_returns], []

    def get(self, reference: Any) -> Any:
        if reference.of in self.killed:
            raise ActorDiedError("killed")
        found = self.answer(reference.of.place, reference.method, reference.step[0] if reference.step else None)
        if isinstance(found, Exception):
            raise found
        return found

    def kill(self, actor: Any, no_restart: bool) -> None:
        self.killed.append(actor)


def honest(place: str, method: str, step: Any) -> Any:
    """Who is there, and does what is asked."""
    return Greeting(place, f"host-{place}", __version__) if method == "hello" else Outcome(step, "done")


def steps(count: int, verb: str = "judge") -> dict[tuple[str, str], Step]:
    return {(verb, str(k)): Step(verb, str(k), (), f"{verb} {k}", {}) for k in range(count)}


def staff_of(library: Any, most: int | None = None, **options: Any) -> RayStaff:
    return RayStaff(library, lambda step: Outcome(step, "done"), EngineOptions(**options), most, Surroundings("", {}))


def carried_out(library: Library, graph: Graph, most: int | None = None, **options: Any) -> dict[str, str]:
    return {o.step.label: o.status for o in carried_out_by(staff_of(library, most, **options), graph, None)}


def test_as_many_workers_are_hired_as_there_is_room_for_and_steps_and_no_more_than_the_user_wants() -> None:
    machines = {"a": {"CPU": 3.0}, "b": {"CPU": 2.0}}
    for count, most, hired in ((9, None, 5), (2, None, 2), (9, 4, 4)):
        library = Library(honest, dict(machines))
        found = carried_out(library, Graph(steps(count)), most)
        assert set(found.values()) == {"done"} and len(found) == count
        assert len(library.actors) == hired


def test_more_than_there_is_room_for_are_asked_for_when_the_user_says_so() -> None:
    """A cluster that grows by itself grows for what is asked of it."""
    library = Library(honest, {"a": {"CPU": 1.0}})
    carried_out(library, Graph(steps(9)), most=3)
    assert [a.place for a in library.actors] == ["a", "", ""]


def test_models_share_a_gpu_by_fractions_and_steps_without_a_network_need_none() -> None:
    library, told = Library(honest, {"a": {"CPU": 8.0, "GPU": 1.0}, "b": {"CPU": 2.0}}), list[tuple[str, str]]()
    graph = Graph(steps(8, "train") | steps(3), started=lambda step, worker: told.append((step.verb, worker)))
    found = carried_out(library, graph, gpus_per_step=0.25)
    assert set(found.values()) == {"done"}
    assert [a.wants["GPU"] for a in library.actors].count(0.25) == 4
    assert all(a.place == "a" for a in library.actors if a.wants["GPU"])
    assert {worker for verb, worker in told if verb == "train"} == {f"{k}@host-a" for k in (1, 2, 3, 4)}


def test_a_worker_with_a_gpu_that_dies_is_replaced_though_others_without_one_are_idle() -> None:
    """A study waited for ever for a worker that nobody hired: there were enough, but none with a GPU."""
    fatal = [ActorDiedError("gone")]
    library, graph = Library(honest, {"a": {"CPU": 6.0, "GPU": 1.0}}), Graph(steps(4, "judge") | steps(2, "train"))

    def answer(place: str, method: str, step: Any) -> Any:
        return fatal.pop() if fatal and method == "carry_out" and step.verb == "train" else honest(place, method, step)

    library.answer = answer
    with noting(lambda line: None):
        assert set(carried_out(library, graph, gpus_per_step=1.0).values()) == {"done"}


@pytest.mark.parametrize("machines", [{"a": {"CPU": 4.0, "GPU": 1.0}}, {}])
def test_where_all_cores_go_with_gpus_their_workers_carry_out_every_step(machines: Any) -> None:
    library = Library(honest, machines)
    staff = staff_of(library, 2, gpus_per_step=0.25)
    staff.free(list(steps(3).values()))
    assert [a.wants["GPU"] for a in library.actors] == [0.25, 0.25]


def test_when_a_machine_is_lost_its_steps_go_elsewhere_and_idle_workers_are_asked_whether_they_live() -> None:
    """All workers of a machine die at once: a step that went from one dead worker to the next would have failed for nothing."""
    library = Library(honest, {"a": {"CPU": 3.0}, "b": {"CPU": 1.0}})
    lost, asked = list[str](), list[str]()

    def answer(place: str, method: str, step: Any) -> Any:
        if method == "carry_out" and step.key == "3":
            library.machines.pop("a", None)
        if place not in library.machines:
            lost.append(method)
            return ActorDiedError("the node died")
        asked.append(method)
        return honest(place, method, step)

    library.answer = answer
    lines: list[str] = []
    with noting(lines.append):
        found = carried_out(library, Graph(steps(7)))
    assert set(found.values()) == {"done"} and len(found) == 7
    assert "carry_out" in lost
    assert all(line.startswith("a machine was lost: tried again elsewhere: ") for line in lines) and lines


def test_a_worker_that_dies_on_a_machine_that_lives_counts_against_its_step() -> None:
    library = Library(
        lambda *told: ActorDiedError("gone") if told[1] == "carry_out" and told[2].key == "1" else honest(*told), {"a": {"CPU": 2.0}}
    )
    with noting(lambda line: None):
        found = carried_out(library, Graph(steps(3)))
    assert found == {"judge 0": "done", "judge 1": "failed", "judge 2": "done"}


def test_a_worker_out_of_reach_counts_against_nobody() -> None:
    silent = [ActorUnavailableError("no answer")] * 3
    library = Library(lambda *told: silent.pop() if told[1] == "carry_out" and silent else honest(*told), {"a": {"CPU": 1.0}})
    with noting(lambda line: None):
        assert carried_out(library, Graph(steps(1))) == {"judge 0": "done"}


@pytest.mark.parametrize(
    ("hello", "says"),
    [
        (Greeting("a", "far", "0.0.1"), "--engine ray: far has canforget 0.0.1, and this is "),
        (Greeting("a", "far", __version__, "does not see the store x"), "--engine ray: the worker on far does not see the store x"),
        (
            ActorDiedError("Traceback\nModuleNotFoundError: No module named 'canforget'"),
            "no worker can begin (ModuleNotFoundError: No module",
        ),
        (RayTaskError("raised"), "--engine ray: a worker cannot begin (raised)"),
    ],
)
def test_workers_that_could_do_nothing_end_the_run_with_one_line(hello: Any, says: str) -> None:
    with pytest.raises(EngineError) as refused:
        carried_out(Library(lambda *told: hello, {"a": {"CPU": 2.0}}), Graph(steps(3)))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_call_that_raised_is_the_failure_of_its_step() -> None:
    library = Library(lambda *told: RayTaskError("x\nOSError: y") if told[1] == "carry_out" else honest(*told), {"a": {"CPU": 1.0}})
    assert carried_out(library, Graph(steps(2))) == {"judge 0": "failed", "judge 1": "failed"}


def test_steps_that_wait_for_machines_say_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster without a GPU would keep a study waiting for ever, and nobody would know why."""
    clock = [0.0]
    monkeypatch.setattr("canforget.study.ray_staff.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("canforget.study.ray_staff.time.sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    staff, lines = staff_of(Library(honest, {"a": {"CPU": 0.0}}), gpus_per_step=0.5), list[str]()
    with noting(lines.append):
        for _ in range(30):
            assert not staff.free(list(steps(1).values()))
            staff.wait(None)
    assert lines == ["waiting for a machine with 1 CPU and 0.5 GPU free: the cluster has 1 machine with 0 CPU and 0 GPU"]


def test_a_share_that_this_machine_cannot_give_is_refused_at_once() -> None:
    library, options = Library(honest, {"a": {"CPU": 2.0}}), EngineOptions(gpus_per_step=0.5)
    staff = RayStaff(library, lambda step: Outcome(step, "done"), options, None, Surroundings("", {}), local=True)
    with pytest.raises(EngineError, match="a step is to have 1 CPU and 0.5 GPU, and there is 1 machine with 2 CPU and 0 GPU"):
        list(carried_out_by(staff, Graph(steps(1, "train")), None))


def test_dismissed_workers_are_ended() -> None:
    library = Library(honest, {"a": {"CPU": 3.0}})
    staff = staff_of(library)
    list(carried_out_by(staff, Graph(steps(5)), None))
    staff.dismiss()
    assert len(library.killed) == 3
