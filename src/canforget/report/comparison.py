"""Two rows of records, or two models on the same images: what differs, by how much, and whether that is beyond chance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
from scipy.special import ndtri, stdtr, stdtrit

from canforget.evaluation.evidence import Predictions
from canforget.evaluation.membership_scores import negative_loss
from canforget.evaluation.power import detectable_effect
from canforget.evaluation.statistics import Floats, Interval, delong, delong_difference, holm
from canforget.report.record import Combination, Record, flat, over_seeds, value_of

MEASURES = (
    "test.accuracy", "test_retain.accuracy", "retain.accuracy", "forget.accuracy", "test_forget.accuracy", "membership.phi",
    "calibrated_membership.auc", "average_gap",
)  # fmt: skip
"""What two rows are compared by when nobody says."""
VIEWS = ("test", "test_retain", "retain", "forget", "test_forget")
BY_SEED, BY_MODELS, BY_IMAGE, BY_IMAGES = "paired by seed", "unpaired, over seeds", "paired by image", "unpaired, over images"


@dataclass(frozen=True)
class Difference:
    """B less A in one measure: the two means, the difference with its 95 % interval, the smallest difference that could have been seen
    with 80 % power, Holm's p over all measures compared, and what all of it is over."""

    measure: str
    a: float
    b: float
    difference: float
    interval: Interval | None
    detectable: float | None
    p: float | None
    over: str
    p_adjusted: float | None = None

    @property
    def seen(self) -> bool:
        """Whether the difference is beyond chance at 5 % after Holm."""
        return self.p_adjusted is not None and self.p_adjusted < 0.05

    @property
    def of_seeds(self) -> bool:
        """Whether chance means the seed of a training, too."""
        return self.over in (BY_SEED, BY_MODELS)


@dataclass(frozen=True)
class Comparison:
    """Two rows: their names, the settings in which they differ (name, A's, B's), and the differences of their measures."""

    a: str
    b: str
    settings: tuple[tuple[str, Any, Any], ...]
    differences: tuple[Difference, ...]

    def words(self) -> list[str]:
        """What is to be said, before any number."""
        seen = [d for d in self.differences if d.seen]
        if not self.differences:
            return [f"{self.b} and {self.a} share no measure that both hold."]
        if all(d.difference == 0 for d in self.differences):
            return [f"{self.b} and {self.a} are alike to the last digit in all {len(self.differences)} measures."]
        noise = "seed noise" if all(d.of_seeds for d in self.differences) else "the choice of images"
        if not any(d.p is not None for d in self.differences):
            return [f"Nothing can be said of {self.b} against {self.a}: one model each, and no intervals; give seeds, or --store."]
        said = [f"{d.measure} {d.b:.3f} against {d.a:.3f} ({d.difference:+.3f})" for d in seen]
        first = (
            f"Beyond {noise}, {self.b} differs from {self.a} in {'; '.join(said)}."
            if seen
            else f"{self.b} does not differ from {self.a} beyond {noise}."
        )
        unseen = [d for d in self.differences if not d.seen and d.detectable is not None]
        more = (
            [f"A smaller difference than {max(d.detectable or 0 for d in unseen):.2g} could have been missed in one of the others."]
            if unseen and seen
            else []
        )
        if unseen and not seen:
            more = [
                f"Differences of {min(d.detectable or 0 for d in unseen):.2g} to {max(d.detectable or 0 for d in unseen):.2g} could have been seen."
            ]
        if not all(d.of_seeds for d in self.differences):
            more.append("Whether it is beyond seed noise is not known: that takes two seeds of each, or more.")
        return [first, *more]


def adjusted(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """The differences with Holm's p over all of them."""
    tested = [k for k, d in enumerate(found) if d.p is not None]
    said = dict(zip(tested, map(float, holm([found[k].p or 0.0 for k in tested])), strict=True)) if tested else {}
    return tuple(replace(d, p_adjusted=said.get(k)) for k, d in enumerate(found))


def compare_rows(a: Sequence[Record], b: Sequence[Record], measures: Sequence[str] = MEASURES) -> Comparison:
    """B's row against A's, each the records of one combination over its seeds.

    Paired by seed where both have the same seeds of one data set, model and scenario, for then the two began from one original; else
    unpaired over seeds (Welch); of one model each, over the choice of images, by the intervals that the records hold.
    """
    found = [d for name in measures if (d := row_difference(name, a, b)) is not None]
    return Comparison(row_name(a, b), row_name(b, a), tuple(different_settings(a[0], b[0])), adjusted(found))


def row_difference(name: str, a: Sequence[Record], b: Sequence[Record]) -> Difference | None:
    """The difference of one measure, if both rows hold it."""
    x, y = ({r.case.seed: v for r in rows if (v := value_of(r, name).value) is not None} for rows in (a, b))
    if not x or not y:
        return None
    if len(x) > 1 and x.keys() == y.keys() and problem_of(a[0]) == problem_of(b[0]):
        return of_pairs(name, numpy.array([x[s] for s in x]), numpy.array([y[s] for s in x]), BY_SEED)
    one, other = (numpy.array(list(values.values())) for values in (x, y))
    if min(len(one), len(other)) > 1:
        return of_groups(name, one, other)
    errors = [error_over_images(rows[0], name) for rows in (a, b)]
    if len(one) == len(other) == 1 and errors[0] is not None and errors[1] is not None:
        return of_normal(name, float(one[0]), float(other[0]), float(numpy.hypot(errors[0], errors[1])), BY_IMAGES)
    return Difference(name, float(one.mean()), float(other.mean()), float(other.mean() - one.mean()), None, None, None, BY_IMAGES)


def of_pairs(name: str, a: Floats, b: Floats, over: str) -> Difference:
    """Student's paired t: of seeds, or of images."""
    difference = b - a
    n = len(difference)
    error = float(difference.std(ddof=1)) / float(numpy.sqrt(n)) if n > 1 else 0.0
    return of_t(name, float(a.mean()), float(b.mean()), float(difference.mean()), error, n - 1, over)


def of_groups(name: str, a: Floats, b: Floats) -> Difference:
    """Welch's t of two groups of models."""
    parts = [float(v.var(ddof=1)) / len(v) for v in (a, b)]
    total = sum(parts)
    freedom = total**2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (a, b), strict=True)) if total else float(len(a) + len(b) - 2)
    return of_t(name, float(a.mean()), float(b.mean()), float(b.mean() - a.mean()), float(numpy.sqrt(total)), freedom, BY_MODELS)


def of_t(name: str, a: float, b: float, difference: float, error: float, freedom: float, over: str) -> Difference:
    """A difference with its standard error: interval, power and p by Student's t."""
    half = float(stdtrit(freedom, 0.975)) * error
    p = 2 * float(stdtr(freedom, -abs(difference) / error)) if error else float(difference == 0)
    return Difference(name, a, b, difference, (difference - half, difference + half), detectable_effect(error, freedom), p, over)


def of_normal(name: str, a: float, b: float, error: float, over: str) -> Difference:
    """A difference with a standard error that many images decide."""
    return of_t(name, a, b, b - a, error, 1e9, over)


def error_over_images(record: Record, name: str) -> float | None:
    """The standard error of a value over the choice of images, from its 95 % interval."""
    interval = value_of(record, name).interval
    return None if interval is None else (interval[1] - interval[0]) / (2 * float(ndtri(0.975)))


def compare_predictions(a: Mapping[str, Predictions], b: Mapping[str, Predictions], names: tuple[str, str]) -> Comparison:
    """Two models on the same images: accuracies paired image by image, the matched AUC by DeLong's difference."""
    found = [
        of_pairs(f"{view}.accuracy", *correct, BY_IMAGE)
        for view in VIEWS
        if view in a and view in b
        for correct in [rights(a[view], b[view])]
    ]
    if {"forget", "test_forget"} <= a.keys() & b.keys() and min(len(a["forget"]), len(a["test_forget"])) > 1:
        found.append(auc_difference(a, b))
    return Comparison(names[0], names[1], (), adjusted(found))


def rights(a: Predictions, b: Predictions) -> tuple[Floats, Floats]:
    """Of each image that both were asked about, whether it was classified as labelled: 0 or 1, in one order."""
    _, of_a, of_b = numpy.intersect1d(a.ids, b.ids, return_indices=True)
    return numpy.asarray(a.correct[of_a], dtype=numpy.float64), numpy.asarray(b.correct[of_b], dtype=numpy.float64)


def auc_difference(a: Mapping[str, Predictions], b: Mapping[str, Predictions]) -> Difference:
    """How far one model's AUC of forget images above unseen ones of their classes, by the loss, is from the other's."""
    one, other = (delong(negative_loss(m["forget"]), negative_loss(m["test_forget"])) for m in (a, b))
    low, high = delong_difference(other, [one])
    error = (high - low) / (2 * float(ndtri(0.975)))
    return of_normal("loss AUC, forget against test_forget", one.auc, other.auc, error, BY_IMAGE)


def problem_of(record: Record) -> tuple[str, str, str]:
    """Data set, model and scenario."""
    return record.case.dataset, record.case.model, record.case.scenario


def row_name(row: Sequence[Record], other: Sequence[Record]) -> str:
    """A row by what tells it from another: its unlearner and format, and whatever else differs."""
    case, beside = row[0].case, other[0].case
    parts = [getattr(case, axis) for axis in ("dataset", "model", "scenario") if getattr(case, axis) != getattr(beside, axis)]
    return " · ".join([*parts, {"retrain": "retrained", "nothing": "original"}.get(case.unlearner, case.unlearner), case.quantizer])


def different_settings(a: Record, b: Record) -> Iterator[tuple[str, Any, Any]]:
    """Hyperparameters, data and versions in which two records differ: name, A's, B's (None where it has none)."""
    parts = [
        dict(flat({"hyperparameters": r.hyperparameters, "data": {"fingerprint": r.data.get("fingerprint")}, "versions": r.versions}))
        for r in (a, b)
    ]
    for name in dict.fromkeys([*parts[0], *parts[1]]):
        x, y = (p.get(name) for p in parts)
        if x != y:
            yield name.removeprefix("hyperparameters."), x, y


@dataclass(frozen=True)
class StudyComparison:
    """Two studies: the comparison of every combination that both hold, and the labels of those that only one holds."""

    rows: tuple[Comparison, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def compare_studies(a: Sequence[Record], b: Sequence[Record], measures: Sequence[str] = MEASURES) -> StudyComparison:
    """Every combination that two studies share, by its labels; Holm's p is over all measures of all of them."""
    one, other = over_seeds(a), over_seeds(b)
    rows = [compare_rows(one[c], other[c], measures) for c in one if c in other]
    flat_adjusted = iter(adjusted([d for row in rows for d in row.differences]))
    rows = [
        replace(row, a=f"{row.a} (A)", b=f"{row.b} (B)", differences=tuple(next(flat_adjusted) for _ in row.differences)) for row in rows
    ]
    return StudyComparison(
        tuple(rows), tuple(map(label_of, (c for c in one if c not in other))), tuple(map(label_of, (c for c in other if c not in one)))
    )


def label_of(combination: Combination) -> str:
    """A combination by its labels."""
    return " · ".join([*combination.problem, combination.unlearner.label, combination.quantizer.label])
