"""The split of a data set into forget, retain, validation, held-out, test and calibration ids, before any pixel is decoded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from canforget.data.dataset import DataSet, Ids, Table
from canforget.data.stratify import apportion, draw, draw_stratified, forgettable, histogram
from canforget.errors import PlanError, SpecError
from canforget.rng import numpy_generator
from canforget.spec import Call


@dataclass(frozen=True, eq=False)
class Tossed:
    """What a scenario that tosses coins returns: ids `inside` are forgotten, ids `outside` never trained on by any model."""

    inside: Ids
    outside: Ids


Choose = Callable[[Table, Generator], Ids | Tossed]
CALIBRATION = 256
"""How many images calibrate a quantizer where nobody says how many."""


@dataclass(frozen=True, eq=False)
class SplitIds:
    """Sorted int64 ids of every set of a split.

    `forget`, `retain`, `val` and `held_out` partition the training set; only the first two are ever trained on. `held_out` are images
    matched to the forget set by class. `test_forget` has the forget set's class proportions; `test_retain` lacks the classes that are
    wholly forgotten; `calibration` is drawn from `retain` alone. `coins`: a fair coin decided of each image of `forget` and `held_out`.
    """

    forget: Ids
    retain: Ids
    val: Ids
    held_out: Ids
    test: Ids
    test_forget: Ids
    test_retain: Ids
    calibration: Ids
    forgotten_classes: tuple[int, ...]
    coins: bool = False

    @property
    def sets(self) -> dict[str, Ids]:
        """The ids of every set, by the set's name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"forgotten_classes", "coins"}}

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of each set's ids, by the set's name: what a key may hold of a split."""
        return {name: ids_fingerprint(ids) for name, ids in self.sets.items()}


def ids_fingerprint(ids: Ids) -> str:
    """SHA-256 of ids, whatever the machine's byte order."""
    return hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest()


def split_by(dataset: DataSet, scenario: Call, **settings: Any) -> SplitIds:
    """The split of `dataset` that a scenario's call and the settings of `split_ids` decide."""
    choose = scenario.component.load()
    known = {"dataset": dataset} if "dataset" in scenario.component.receives else {}
    return split_ids(
        dataset, lambda train, rng: choose(train, class_names=dataset.classes, rng=rng, **known, **scenario.arguments()), **settings
    )


def split_ids(
    dataset: DataSet,
    choose: Choose,
    *,
    seed: int,
    val_fraction: float = 0.1,
    held_out_fraction: float = 0.0,
    calibration: int | None = None,
) -> SplitIds:
    """The split of `dataset` that `choose` (a scenario with its hyperparameters bound) and `seed` decide.

    The stratified validation part is carved first and does not depend on the scenario: while nothing is held out, all scenarios of a
    seed share one original model. `held_out_fraction` is a fraction of the forget set, in [0, 1). `calibration` retain images calibrate
    quantizers: by default 256, or all where there are fewer. Of a scenario that tosses coins (`Tossed`) the images tossed out are held out.

    Raises `SpecError` for fractions out of range and `PlanError` when a set cannot be had: the message names the argument to change.
    """
    for name, value in (("val_fraction", val_fraction), ("held_out_fraction", held_out_fraction)):
        if not 0 <= value < 1:
            raise SpecError(f"{name}={value}: must be at least 0 and less than 1")
    train, test = dataset.train, dataset.test
    val = draw_stratified(train, round(val_fraction * len(train)), stream("val", seed))
    usable = without(train, val)
    picked = choose(usable, stream("forget", seed))
    if isinstance(picked, Tossed):
        chosen, held_out = tossed(picked, usable, held_out_fraction)
    else:
        chosen = forgettable(picked, usable, "scenario")
        held_out = hold_out(usable, chosen, held_out_fraction, len(dataset.classes), stream("held_out", seed))
    forget, retain = (without(usable.only(ids), held_out) for ids in (chosen, numpy.setdiff1d(usable.ids, chosen)))
    forgotten = numpy.setdiff1d(forget.labels, retain.labels)
    return SplitIds(
        forget=numpy.sort(forget.ids),
        retain=numpy.sort(retain.ids),
        val=val,
        held_out=held_out,
        test=numpy.sort(test.ids),
        test_forget=counterpart(test, forget, forgotten, len(dataset.classes), stream("test_forget", seed)),
        test_retain=numpy.sort(test.ids[~numpy.isin(test.labels, forgotten)]),
        calibration=calibration_ids(retain, calibration, stream("calibration", seed)),
        forgotten_classes=tuple(forgotten.tolist()),
        coins=isinstance(picked, Tossed),
    )


def stream(purpose: str, seed: int) -> Generator:
    """The random stream of one draw: no two draws of a split share one."""
    return numpy_generator(f"split/{purpose}/{seed}")


def without(table: Table, ids: Ids) -> Table:
    """The rows of `table` whose ids are not among `ids`."""
    return table.where(~numpy.isin(table.ids, ids))


def tossed(picked: Tossed, usable: Table, held_out_fraction: float) -> tuple[Ids, Ids]:
    """The forget set and the held-out images of a scenario that tosses coins, checked."""
    if held_out_fraction:
        raise SpecError(f"held_out_fraction={held_out_fraction}: the images tossed out are held out already; leave it at 0")
    outside = forgettable(picked.outside, usable, "scenario")
    return forgettable(picked.inside, without(usable, outside), "scenario"), outside


def hold_out(usable: Table, chosen: Ids, fraction: float, num_classes: int, rng: Generator) -> Ids:
    """Ids matched by class to a `fraction` of the `chosen` ones, to be trained on by nobody.

    A class of which some images stay gives images that would have been retained, so that a request to forget is met in full; a class
    that is forgotten wholly has none but its own.
    """
    forget, rest = usable.only(chosen), without(usable, chosen)
    available, wanted = histogram(rest, num_classes), histogram(forget, num_classes)
    counts = apportion(round(fraction * len(forget)), wanted)
    whole = available == 0
    short = numpy.flatnonzero((counts >= numpy.where(whole, wanted, available)) & (counts > 0))
    if len(short):
        raise PlanError(
            f"held_out_fraction={fraction}: would take all that is left of class {short[0]} ({counts[short[0]]} images); "
            "pass a smaller fraction, or 0 to hold out none"
        )
    own, matched = draw(forget, counts * whole, rng), draw(rest, counts * ~whole, rng)
    return numpy.sort(numpy.concatenate([own, matched]))


def counterpart(test: Table, forget: Table, forgotten: NDArray[numpy.int64], num_classes: int, rng: Generator) -> Ids:
    """Ids of the test images that stand for the forget set.

    All test images of its classes when these are forgotten wholly; else the largest subset with its class proportions, each class
    within one image of its share. Empty when the test set lacks one of its classes.
    """
    if numpy.isin(forget.labels, forgotten).all():
        return numpy.sort(test.ids[numpy.isin(test.labels, forgotten)])
    wanted, available = histogram(forget, num_classes), histogram(test, num_classes)
    count = min(int(available[c]) * len(forget) // int(wanted[c]) for c in numpy.flatnonzero(wanted))
    return draw(test, apportion(count, wanted), rng)


def calibration_ids(retain: Table, count: int | None, rng: Generator) -> Ids:
    """Ids of `count` images (default: 256, or as many as there are) with the class proportions of the retain set, and from nowhere else."""
    count = min(CALIBRATION, len(retain)) if count is None else count
    if not 0 <= count <= len(retain):
        raise PlanError(f"calibration={count}: the retain set has {len(retain)} images; pass a number from 0 to that")
    return draw_stratified(retain, count, rng)
