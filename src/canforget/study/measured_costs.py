"""What steps have cost, as a store tells it, and what others are therefore estimated to cost; how far such estimates are off."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from canforget.errors import ArtifactError
from canforget.file_io import read_json, write_json
from canforget.study.step_profile import ON_GPU, Name, Profile, Whats, profile_of
from canforget.study.store import STEP, Store

TABLE = "miniatures.json"
CHECKED = 500
"""At most so many steps are estimated from the others to see how far estimates are off."""
SHARES_APART = 1.5
"""Unlearning is not scaled to a forget set whose share of the training images differs by more than this factor: passes over either differ."""
QUANTITIES = ("seconds", "cpu_seconds", "bytes")


@dataclass(frozen=True)
class MeasuredStep:
    """A step that was carried out: its profile, what it cost, and where ("cpu" or a GPU's name, processor, threads)."""

    profile: Profile
    seconds: float
    cpu_seconds: float
    bytes: float
    peak_bytes: float = 0.0
    place: tuple[str, str, int] = ("cpu", "", 1)
    miniature: bool = False


@dataclass(frozen=True)
class Estimate:
    """What a step is estimated to cost and on what grounds; where there are none `basis` says so and all is 0.

    `basis` is "twin" (the median of steps that differ in seeds alone), "scaled" (steps of the same kind, by images read), "miniature" (a
    step of the same kind carried out on few images), "assumed" (by a speed-up of GPUs that the user gave), "guess" (by the verb), or "unknown".
    """

    basis: str = "unknown"
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes: float = 0.0
    peak_bytes: float = 0.0
    place: tuple[str, str, int] = ("", "", 0)


UNKNOWN = Estimate()


@dataclass
class CostBook:
    """Measured steps by kind; the place where most of them ran is believed before others."""

    steps: list[MeasuredStep] = field(default_factory=list)
    kinds: dict[str, list[MeasuredStep]] = field(default_factory=lambda: defaultdict(list))
    places: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    made: dict[tuple[Profile | None, bool], Estimate] = field(default_factory=dict)
    """Estimates made since the last step was added: a plan has many steps of one profile."""

    def __post_init__(self) -> None:
        for step in self.steps:
            self.enter(step)

    def add(self, step: MeasuredStep) -> None:
        """One more step that was carried out."""
        self.steps.append(step)
        self.enter(step)
        self.made.clear()

    def enter(self, step: MeasuredStep) -> None:
        """Puts a step where estimates look for it."""
        self.kinds[step.profile.kind].append(step)
        self.places[step.place] += not step.miniature

    def estimate(self, profile: Profile | None, gpu: bool = False) -> Estimate:
        """The estimate of a step, on a GPU or on a CPU."""
        if (profile, gpu) not in self.made:
            self.made[profile, gpu] = self.estimate_without(None, profile, gpu)
        return self.made[profile, gpu]

    def estimate_without(self, without: MeasuredStep | None, profile: Profile | None, gpu: bool) -> Estimate:
        """The estimate of a step with one of the measured steps left out of its grounds."""
        alike = self.kinds.get(profile.kind, ()) if profile else ()
        grounds = [m for m in alike if m is not without and (m.place[0] != "cpu") == (gpu and m.profile.verb in ON_GPU)]
        if not profile or not grounds:
            return UNKNOWN
        twins = [m for m in grounds if m.profile.twin == profile.twin and not m.miniature]
        if twins:
            return summed_up("twin", self.of_one_place(twins), None)
        shared = [m for m in grounds if profile.verb != "unlearn" or near_shares(m.profile.share, profile.share)]
        whole = [m for m in shared if not m.miniature]
        chosen = self.of_one_place(whole or shared)
        return summed_up("scaled" if whole else "miniature", chosen, profile.images) if chosen else UNKNOWN

    def of_one_place(self, steps: Sequence[MeasuredStep]) -> list[MeasuredStep]:
        """Those of the place where most steps ran: seconds of different machines are not mixed."""
        best = max((m.place for m in steps), key=lambda p: (self.places[p], p), default=None)
        return [m for m in steps if m.place == best]

    def errors(self) -> "EstimateErrors":
        """How far the estimates of steps of full size are off, each made from the others."""
        whole = [m for m in self.steps if not m.miniature and m.seconds > 0]
        some = whole[:: -(-len(whole) // CHECKED) or 1]
        found = [(m, self.estimate_without(m, m.profile, m.place[0] != "cpu")) for m in some]
        known = [(m, e) for m, e in found if e.basis != "unknown" and e.place == m.place]
        return EstimateErrors(tuple((m.profile.verb, e.basis, e.seconds, m.seconds) for m, e in known), len(found) - len(known))


@dataclass(frozen=True)
class EstimateErrors:
    """Verb, basis, estimated and true seconds of steps that took place, and how many had nothing alike."""

    pairs: tuple[tuple[str, str, float, float], ...]
    alone: int

    @property
    def median(self) -> float | None:
        """The median relative error of a step's seconds, or `None` without steps."""
        return median(abs(estimated / true - 1) for _, _, estimated, true in self.pairs) if self.pairs else None

    @property
    def ratio(self) -> float | None:
        """All seconds as estimated over all as they were, or `None` without steps."""
        return sum(p[2] for p in self.pairs) / sum(p[3] for p in self.pairs) if self.pairs else None


def near_shares(a: float, b: float) -> bool:
    """Whether two shares of the forget set are near enough to scale from one to the other."""
    return max(a, b) <= SHARES_APART * min(a, b)


def summed_up(basis: str, steps: Sequence[MeasuredStep], images: float | None) -> Estimate:
    """What steps cost in the median, scaled to a number of images where one is given; models are as large whatever they have seen."""
    found = {}
    for name in QUANTITIES:
        pairs = [(m.profile.images, getattr(m, name)) for m in steps]
        fixed = images is None or (name == "bytes" and steps[0].profile.verb in ("train", "unlearn", "quantize"))
        found[name] = median(value for _, value in pairs) if fixed or images is None else cost_at(pairs, images)
    peak = 0.0 if basis == "miniature" else max(m.peak_bytes for m in steps)
    return Estimate(basis, **found, peak_bytes=peak, place=steps[0].place)


def cost_at(pairs: Iterable[tuple[float, float]], images: float) -> float:
    """The cost at a size: in proportion where one size was seen, by a line where several were, which begins at 0 or above.

    Where the smallest seen cost more than the largest, by chance, a larger one still costs in proportion: too much rather than too little.

    >>> cost_at([(100, 2.0), (100, 2.2), (100, 9.0)], 200)
    4.4
    >>> cost_at([(100, 2.0), (200, 3.0)], 400)
    5.0
    """
    by_size = defaultdict(list)
    for size, value in pairs:
        by_size[size].append(value)
    points = sorted((size, median(values)) for size, values in by_size.items())
    (low, at_low), (high, at_high) = points[0], points[-1]
    slope = (at_high - at_low) / (high - low) if high > low else 0.0
    if slope > 0 and at_low > slope * low:
        return at_low + slope * (images - low)
    return at_high * (max(1.0, images / high) if slope <= 0 < high - low else images / high)


def measured_in(store: Store) -> list[MeasuredStep]:
    """The steps of a store that say what they cost; of a bucket those that the cache holds. What cannot be read is passed over."""
    found = [told for path in sorted(store.root.glob(f"*/??/*/{STEP}")) if (told := told_at(path))]
    whats: Whats = {name: about.get("what", {}) for name, about, _ in found}
    steps = (measured_step(profile_of(name, whats), about.get("conditions"), size) for name, about, size in found)
    return [step for step in steps if step is not None]


def told_at(path: Path) -> tuple[Name, Mapping[str, Any], float] | None:
    """Which step an artifact is of, what it says of it, and its bytes; `None` where it cannot be read."""
    try:
        about = read_json(path)
        return (str(about["verb"]), str(about["key"])), about, sum(p.stat().st_size for p in path.parent.iterdir())
    except (ArtifactError, OSError, KeyError, TypeError):
        return None


def measured_step(profile: Profile | None, conditions: Any, size: float, miniature: bool = False) -> MeasuredStep | None:
    """A step with what it cost, or `None` where its conditions do not tell."""
    if profile is None:
        return None
    try:
        seconds, cpu_seconds = float(conditions["seconds"]), float(conditions["cpu_seconds"])
        device = str(conditions.get("gpu", "cpu")) if profile.verb in ON_GPU else "cpu"
        place = (device, str(conditions["processor"]), int(conditions["threads"]))
        peak = float(conditions.get("peak_bytes", 0))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return MeasuredStep(profile, seconds, cpu_seconds, size, peak, place, miniature)


def miniatures_in(store: Store) -> list[MeasuredStep]:
    """What was carried out in miniature for this store, on whatever machine."""
    path = store.root / TABLE
    if not path.is_file():
        return []
    try:
        return [MeasuredStep(**{**m, "profile": Profile(**m["profile"]), "place": tuple(m["place"])}) for m in read_json(path)]
    except (TypeError, KeyError) as problem:
        raise ArtifactError(
            f"{path}: not a table of steps carried out on few images ({problem}); delete it, then --measure again"
        ) from None


def keep_miniatures(store: Store, new: Iterable[MeasuredStep]) -> None:
    """Adds to the table, in the place of older ones of the same kind and machine."""
    new = list(new)
    fresh = {(m.profile.kind, m.place) for m in new}
    old = [m for m in miniatures_in(store) if (m.profile.kind, m.place) not in fresh]
    store.root.mkdir(parents=True, exist_ok=True)
    write_json(store.root / TABLE, [asdict(m) for m in (*old, *new)])
