"""One step of each kind carried out on few images, on this machine: what the whole would take where no store tells it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy

from canforget.errors import CanforgetError, SpecError
from canforget.file_io import read_arrays, read_json, write_arrays
from canforget.progress import note
from canforget.spec import call_of
from canforget.study.environment import machine
from canforget.study.execute import Workspace, perform
from canforget.study.measured_costs import MeasuredStep, measured_step
from canforget.study.planned_steps import Step
from canforget.study.schedule import Job, compute, explained
from canforget.study.step_cost import CostMeter
from canforget.study.step_profile import Name, numbers_within, profile_of
from canforget.study.store import STEP, Store

PASSES = (1, 2, 6)
"""Batches that the training images of each pass make up; the first only warms up, the others tell what an image costs and what the rest."""
FEWEST = 16
"""Images that each set keeps, where it has so many."""


@dataclass
class Miniature:
    """A store of steps on a `fraction` of the images, every fit of one epoch; models that others are made from stand in for one another."""

    steps: Mapping[Name, Step]
    job: Job
    fraction: float
    draws: int
    whats: dict[Name, Mapping[str, Any]] = field(default_factory=dict)
    made: dict[tuple[str, ...], Name] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """Where the steps are carried out."""
        return Store(self.job.root)

    def measured(self, step: Step) -> MeasuredStep | None:
        """What a step costs in miniature."""
        self.carry_out(step)
        folder = self.store.folder(*step.name)
        size = sum(p.stat().st_size for p in folder.iterdir())
        whats = {step.name: step.what} if step.verb == "split" else self.whats
        return measured_step(profile_of(step.name, whats), read_json(folder / STEP)["conditions"], size, miniature=True)

    def carry_out(self, step: Step) -> None:
        """Carries a step out in miniature, after what it needs."""
        for name in step.needs:
            self.provide(self.steps[name])
        if step.verb == "split":
            self.split(step)
        elif not self.store.folder(*step.name).is_dir() or self.store.folder(*step.name).is_symlink():
            self.whats[step.name] = shorter(step.what, self.draws)
            self.store.folder(*step.name).unlink(missing_ok=True)
            compute(replace(step, what=self.whats[step.name]), self.store, self.job)

    def provide(self, step: Step) -> None:
        """Has something in a step's place that the steps after it can use: itself, or another that is as dear to use."""
        if self.store.holds(*step.name):
            return
        if step.verb == "unlearn":
            base = self.steps[tuple(step.what["model"])]
            self.provide(base)
            self.stand_in(step, base.name)
            return
        role = self.role(step)
        if role in self.made:
            self.stand_in(step, self.made[role])
        else:
            self.carry_out(step)
            self.made[role] = step.name

    def role(self, step: Step) -> tuple[str, ...]:
        """What a step must share with another to be used in its place: what it does, and on which split."""
        found = profile_of(step.name, {name: s.what for name, s in self.steps.items()})
        return (found.kind if found else step.key, step.what.get("split", step.key))

    def stand_in(self, step: Step, other: Name) -> None:
        """Has another step's artifact stand in a step's place."""
        place = self.store.folder(*step.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(self.store.folder(*other).resolve(), place)
        self.whats[step.name] = shorter(step.what, self.draws)

    def split(self, step: Step) -> None:
        """The split with fewer images; drawing it is not done on few, and costs what it costs."""
        if self.store.holds(*step.name):
            return
        job, meter = self.job, CostMeter(self.job.device)
        with TemporaryDirectory() as whole:
            facts = perform(step, Workspace(self.store, job.data_dir, job.device))(Path(whole))
            arrays = fewer(read_arrays(Path(whole) / "split.npz"), self.fraction)
        counts = {name: len(ids) for name, ids in arrays.items() if name != "judged_retain"}
        self.whats[step.name] = {**step.what, "counts": counts, "judged_retain": len(arrays["judged_retain"])}
        about = {"facts": facts, "conditions": {"threads": job.threads or 1} | machine() | meter.costs()}
        self.store.put(*step.name, lambda folder: write_arrays(folder / "split.npz", arrays), about)


def fewer(arrays: Mapping[str, Any], fraction: float) -> dict[str, Any]:
    """A fraction of every set of a split, evenly spaced; calibration images are all kept, and subsets stay subsets.

    >>> small = fewer({name: numpy.arange(100) for name in ("retain", "calibration", "test", "test_forget", "judged_retain")}, 0.25)
    >>> {name: len(ids) for name, ids in small.items()}
    {'retain': 100, 'calibration': 100, 'test': 25, 'test_forget': 25, 'judged_retain': 100}
    """
    small = {}
    for name, ids in arrays.items():
        count = min(len(ids), max(FEWEST, round(len(ids) * fraction)))
        small[name] = ids[numpy.linspace(0, len(ids) - 1, count).astype(int)] if count else ids
    small["calibration"] = arrays["calibration"]
    small["retain"] = numpy.union1d(small["retain"], arrays["calibration"])
    kept = numpy.intersect1d(arrays["judged_retain"], small["retain"])
    small["judged_retain"] = kept if len(kept) else small["retain"]
    for name in ("test_forget", "test_retain"):
        if name in arrays:
            small[name] = numpy.intersect1d(arrays[name], small["test"])
    return small


def shorter(what: Mapping[str, Any], draws: int) -> dict[str, Any]:
    """What to do, with one epoch in every fit (unless the component refuses so few) and few draws of noise."""
    found: dict[str, Any] = one_epoch(what)
    if "draws" in what:
        found["draws"] = min(draws, what["draws"])
    if "unlearner" in what:
        try:
            call_of(found["unlearner"])
        except SpecError:
            found["unlearner"] = what["unlearner"]
    return found


def one_epoch(content: Any) -> Any:
    """The same with one epoch in every fit.

    >>> one_epoch({"fit": {"epochs": 9, "batch_size": 4}, "steps": [{"epochs": 9}]})
    {'fit': {'epochs': 1, 'batch_size': 4}, 'steps': [{'epochs': 9}]}
    """
    if isinstance(content, Mapping):
        fit = {"epochs": 1} if {"epochs", "batch_size"} <= content.keys() else {}
        return {key: one_epoch(value) for key, value in content.items()} | fit
    return [one_epoch(value) for value in content] if isinstance(content, list) else content


def carry_out_small(steps: Mapping[Name, Step], chosen: Iterable[Step], job: Job) -> list[MeasuredStep]:
    """Carries each `chosen` step of a plan's `steps` out in miniature, thrice; tells what it cost but for the first time.

    A step that cannot be carried out on few images is named in one line, and stays unknown.
    """
    chosen, found = list(chosen), list[MeasuredStep]()
    trained = max((sum(s.what["counts"].get(p, 0) for p in ("forget", "retain")) for s in steps.values() if s.verb == "split"), default=1)
    batch = max((b for s in chosen for b in numbers_within(s.what, "batch_size")), default=128)
    for number, batches in enumerate(PASSES):
        with TemporaryDirectory() as place:
            small = Miniature(steps, replace(job, root=Path(place)), min(1.0, batches * batch / trained), draws=number + 1)
            for step in list(chosen):
                try:
                    told = small.measured(step)
                except (CanforgetError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as problem:
                    note(f"{step.label}: not carried out on few images: {explained(problem)}")
                    chosen.remove(step)
                    kind = small.role(step)[0]
                    found = [m for m in found if m.profile.kind != kind]
                    continue
                found += [told] if told and number else []
    return found
