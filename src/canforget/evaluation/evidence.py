"""What audits see: predictions of models on named sets of images, as numpy arrays and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

import numpy
from numpy.typing import ArrayLike, NDArray

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.statistics import wilson

Floats = NDArray[numpy.float64]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Predictions:
    """A model's float32 logits [n, classes] on n images, with their labels [n] and ids [n]; features [n, width] where they were kept."""

    logits: NDArray[numpy.float32]
    labels: NDArray[numpy.int64]
    ids: NDArray[numpy.int64]
    features: NDArray[numpy.float16] | None = None

    def __post_init__(self) -> None:
        if not len(self.logits) == len(self.labels) == len(self.ids):
            raise DataError(
                f"predictions: {len(self.logits)} logits, {len(self.labels)} labels and {len(self.ids)} ids; all must be as many"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> NDArray[numpy.int64]:
        """The most likely class of each image [n]."""
        return numpy.asarray(self.logits.argmax(axis=1))

    @cached_property
    def correct(self) -> NDArray[numpy.bool_]:
        """Whether each image is classified as labelled [n]."""
        return numpy.asarray(self.predicted == self.labels)

    @cached_property
    def log_probabilities(self) -> Floats:
        """Natural logarithm of the softmax [n, classes], in float64."""
        z = self.logits.astype(numpy.float64)
        z = z - z.max(axis=1, keepdims=True)
        return numpy.asarray(z - numpy.log(numpy.exp(z).sum(axis=1, keepdims=True)))

    @cached_property
    def loss(self) -> Floats:
        """Cross-entropy of each image in nats [n]."""
        return numpy.asarray(-self.log_probabilities[numpy.arange(len(self)), self.labels])

    @cached_property
    def unusable(self) -> int:
        """How many images have a logit that is NaN or +inf, or none that is finite: nothing can be concluded from them.

        A single logit of -inf is a class that the head rules out, and is kept.
        """
        z = self.logits
        return int((numpy.isnan(z) | (z == numpy.inf)).any(axis=1).sum() + (z == -numpy.inf).all(axis=1).sum())

    def where(self, mask: NDArray[numpy.bool_] | NDArray[numpy.int64]) -> "Predictions":
        """The predictions on the images that `mask` [n] (or places [k]) selects."""
        features = None if self.features is None else self.features[mask]
        return Predictions(self.logits[mask], self.labels[mask], self.ids[mask], features)


Views = Mapping[str, Predictions]
"""Predictions of one model by the name of the set: forget, retain, val, test, test_forget, test_retain, held_out."""


@dataclass(frozen=True)
class Evidence:
    """All that a metric or an audit may see of a case: the model under judgement, and the models it is compared with.

    When the subject is quantized, `original` and `retrained` are quantized the same way, for they are its null; `full_precision` then
    holds the same models before rounding, and `noise` the subject before rounding with random weight noise of the rounding's norm,
    on the same images or a part of them.
    `forgotten_classes` is empty unless whole classes are forgotten. `coins` says that each image of the forget set and of `held_out` is
    there by its own fair coin.
    """

    subject: Views
    original: Views | None = None
    retrained: tuple[Views, ...] = ()
    shadow: tuple[Views, ...] = ()
    forgotten_classes: tuple[int, ...] = ()
    full_precision: "Evidence | None" = None
    noise: tuple[Views, ...] = ()
    coins: bool = False

    @cached_property
    def references(self) -> tuple[Views, ...]:
        """The retrained models other than the subject: a retrained model is judged by the others, never by itself."""
        return tuple(views for views in self.retrained if not same(views, self.subject))


@dataclass(frozen=True)
class Value:
    """A number with its 95 % interval (`None` where none can be had) and the number of images or models it rests on."""

    value: float
    interval: tuple[float, float] | None = None
    n: int | None = None


@dataclass(frozen=True)
class NotRun:
    """In the place of a value that was not measurable: the reason why."""

    reason: str


def attempt(measure: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T | NotRun:
    """What `measure` returns, or why it could not be measured.

    Metrics and audits raise `NotMeasurable`; it is caught here and nowhere else, for a whole metric as for one of the values of an audit.
    """
    try:
        return measure(*arguments, **keywords)
    except NotMeasurable as why:
        return NotRun(str(why))


@dataclass(frozen=True)
class Audit:
    """An attack's outcome: named values, and its score for every image (higher = more likely a member) by id."""

    values: Mapping[str, Value | NotRun]
    scores: Mapping[str, Floats] = field(default_factory=dict)
    ids: Mapping[str, NDArray[numpy.int64]] = field(default_factory=dict)


def view_of(views: Views, name: str) -> Predictions:
    """The predictions on the set `name`; raises `NotMeasurable` where there are none to judge by."""
    predictions = views.get(name)
    if predictions is None:
        raise NotMeasurable(f"no predictions on '{name}'")
    if len(predictions) == 0:
        raise NotMeasurable(f"'{name}' is empty")
    if predictions.unusable:
        raise NotMeasurable(
            f"'{name}': the logits of {predictions.unusable} of {len(predictions)} images are not numbers; the model has diverged"
        )
    return predictions


def references_of(evidence: Evidence) -> tuple[Views, ...]:
    """The retrained models to compare with; raises `NotMeasurable` where there are none."""
    if not evidence.references:
        alone = "the only retrained model is the one judged; add seeds"
        raise NotMeasurable(alone if evidence.retrained else "needs retrained models; add retrain")
    return evidence.references


def same(one: Views, other: Views) -> bool:
    """Whether two models gave the same logits on every set: they are one model."""
    return one is other or (one.keys() == other.keys() and all(numpy.array_equal(one[k].logits, other[k].logits) for k in one))


def joined(*parts: Predictions) -> Predictions:
    """All predictions of `parts`, one set after another; features only where every part has them."""
    features = [p.features for p in parts if p.features is not None]
    return Predictions(
        numpy.concatenate([p.logits for p in parts]),
        numpy.concatenate([p.labels for p in parts]),
        numpy.concatenate([p.ids for p in parts]),
        numpy.concatenate(features) if len(features) == len(parts) else None,
    )


def per_class(predictions: Predictions) -> dict[int, Value]:
    """Accuracy on the images of each class that occurs, in [0, 1], with Wilson's 95 % interval.

    >>> {c: v.value for c, v in per_class(predictions_of([[2, 1], [0, 3], [5, 4]], [0, 1, 1])).items()}
    {0: 1.0, 1: 0.5}
    """
    counts = {int(c): predictions.correct[predictions.labels == c] for c in numpy.unique(predictions.labels)}
    return {c: Value(float(hits.mean()), wilson(int(hits.sum()), len(hits)), len(hits)) for c, hits in counts.items()}


def finite_value(value: float, interval: tuple[float, float] | None = None, n: int | None = None) -> Value:
    """A `Value`; raises `NotMeasurable` when the number is infinite: a class that the head rules out has infinite loss on its images."""
    if not numpy.isfinite(value):
        raise NotMeasurable("infinite: the model gives a labelled class probability 0")
    return Value(float(value), None if interval is None or not numpy.isfinite(interval).all() else interval, n)


def predictions_of(logits: ArrayLike, labels: ArrayLike, ids: ArrayLike | None = None) -> Predictions:
    """Predictions from plain lists, for examples and tests.

    >>> predictions_of([[2, 1], [0, 3]], [0, 0]).correct.tolist()
    [True, False]
    """
    z = numpy.asarray(logits, dtype=numpy.float32)
    places = numpy.arange(len(z)) if ids is None else numpy.asarray(ids)
    return Predictions(z, numpy.asarray(labels, dtype=numpy.int64), places.astype(numpy.int64))


def evidence_of(logits: ArrayLike, labels: ArrayLike, view: str = "test") -> Evidence:
    """Evidence with one view of one model, for examples and tests."""
    return Evidence(subject={view: predictions_of(logits, labels)})


PREDICTED = ("forget", "retain", "val", "test", "held_out")


def parts_of_test(test: Predictions, split: Mapping[str, Any]) -> dict[str, Predictions]:
    """The test images matched to the forget set, and those of retained classes, where there are any."""
    parts = {name: test.where(numpy.isin(test.ids, split[name])) for name in ("test_forget", "test_retain")}
    return {name: part for name, part in parts.items() if len(part)}
