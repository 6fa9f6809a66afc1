"""What carrying a plan out would take: time on so many workers and GPUs, bytes, memory, what dominates, and how sure that is."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from canforget.study.list_schedule import Work, critical_path, makespan, speed_up_curve
from canforget.study.measured_costs import UNKNOWN, CostBook, Estimate, EstimateErrors
from canforget.study.plan import Plan
from canforget.study.planned_steps import Step
from canforget.study.step_profile import ON_GPU, Profile, profile_of


@dataclass(frozen=True)
class Outlook:
    """The steps still to do with their estimates, and the workers and GPUs to do them on. What is unknown counts as nothing, by name."""

    steps: Sequence[Step]
    profiles: Sequence[Profile | None]
    estimates: Sequence[Estimate]
    workers: int
    gpus: int
    errors: EstimateErrors

    @property
    def work(self) -> Work:
        """The steps as a schedule sees them."""
        places = {step.name: place for place, step in enumerate(self.steps)}
        needs = [[places[n] for n in step.needs if n in places] for step in self.steps]
        on_gpu = [self.gpus > 0 and step.verb in ON_GPU for step in self.steps]
        return Work([e.seconds for e in self.estimates], needs, on_gpu)

    @property
    def idle_work(self) -> Work:
        """The same with the seconds that steps on CPUs would take, at the least, where nothing else runs: the processor's, by thread."""
        seconds = [min(e.seconds, e.cpu_seconds / e.place[2]) if e.place[0] == "cpu" else e.seconds for e in self.estimates]
        return replace(self.work, seconds=seconds)

    def total(self, quantity: str) -> float:
        """All that is known of a quantity of estimates, added up."""
        return float(sum(getattr(e, quantity) for e in self.estimates))

    def shares(self, name: Callable[[Step, Profile], str]) -> dict[str, float]:
        """Seconds by what `name` says of a step, the most first."""
        found: dict[str, float] = defaultdict(float)
        for step, profile, estimate in zip(self.steps, self.profiles, self.estimates, strict=True):
            if profile is not None:
                found[name(step, profile)] += estimate.seconds
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def unknown(self) -> dict[str, int]:
        """Verb and component of the steps of which nothing is known, and how many there are."""
        pairs = zip(self.steps, self.profiles, self.estimates, strict=True)
        return dict(Counter(f"{s.verb} {p.member if p else s.label}" for s, p, e in pairs if e.basis == "unknown"))

    @property
    def busy(self) -> float | None:
        """Seconds by the clock over seconds of the processor (a thread) in what the estimates rest on: above 1 where others worked, too."""
        threads = [(e, e.place[2]) for e in self.estimates if e.place[0] == "cpu"]
        spent = sum(e.cpu_seconds for e, _ in threads)
        return sum(e.seconds * n for e, n in threads) / spent if spent else None

    def to_json(self) -> dict[str, Any]:
        """The same as JSON holds it; seconds and bytes."""
        work = self.work
        path = critical_path(work)
        longest, spent = sum(work.seconds[p] for p in path), makespan(work, self.workers, self.gpus)
        return {
            "workers": self.workers, "gpus": self.gpus, "steps": len(self.steps), "seconds": spent,
            "idle_seconds": makespan(self.idle_work, self.workers, self.gpus), "at_least_seconds": work.bound(self.workers, self.gpus), "worker_seconds": work.total, "gpu_seconds": work.gpu_seconds,
            "cpu_seconds": self.total("cpu_seconds"), "bytes": self.total("bytes"), "peak_bytes": max((e.peak_bytes for e in self.estimates), default=0.0),
            "critical_path": {"seconds": longest, "steps": [{"label": self.steps[p].label, "seconds": work.seconds[p]} for p in path]},
            "by_verb": self.shares(lambda step, _: step.verb), "by_member": self.shares(lambda step, profile: f"{step.verb} {profile.member}"),
            "curve": [{"workers": w, "seconds": s, "speed_up": work.total / s if s else 1.0} for w, s in speed_up_curve(work, self.gpus / self.workers)],
            "basis": dict(Counter(e.basis for e in self.estimates)), "unknown": self.unknown, "busy": self.busy,
            "places": {f"{threads} thread{'s' if threads > 1 else ''} of {processor if device == 'cpu' else device}": n for (device, processor, threads), n in Counter(e.place for e in self.estimates if e is not UNKNOWN).items()},
            "checked": {"steps": len(self.errors.pairs), "alone": self.errors.alone, "median_error": self.errors.median, "ratio": self.errors.ratio},
        }  # fmt: skip


def outlook(drawn: Plan, todo: Sequence[Step], book: CostBook, workers: int, gpus: int = 0, gpu_speed_up: float | None = None) -> Outlook:
    """The outlook of the steps `todo` of a plan; `gpu_speed_up` is how many times as fast as a worker a GPU is taken to be where none was measured."""
    whats = {step.name: step.what for step in drawn.steps}
    profiles = [profile_of(step.name, whats) for step in todo]
    estimates = [estimate_on(book, profile, gpus > 0, gpu_speed_up) for profile in profiles]
    return Outlook(todo, profiles, estimates, workers, gpus, book.errors())


def estimate_on(book: CostBook, profile: Profile | None, gpu: bool, gpu_speed_up: float | None) -> Estimate:
    """The estimate of a step where it will run; on a GPU, if nothing alike ran on one, by the speed-up that was given."""
    found = book.estimate(profile, gpu)
    if found is UNKNOWN and gpu and gpu_speed_up and profile and profile.verb in ON_GPU:
        slow = book.estimate(profile)
        if slow is not UNKNOWN:
            return replace(slow, basis="assumed", seconds=slow.seconds / gpu_speed_up, cpu_seconds=slow.cpu_seconds / gpu_speed_up)
    return found
