"""What audits see: predictions of models on named sets of images, as numpy arrays and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy
from numpy.typing import ArrayLike, NDArray

from canforget.errors import DataError

Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class Predictions:
    """A model's float32 logits [n, classes] on n images, with their labels [n] and ids [n]; features [n, width] where they were kept."""

    logits: NDArray[numpy.float32]
    labels: NDArray[numpy.int64]
    ids: NDArray[numpy.int64]
    features: NDArray[numpy.float16] | None = None

    def __post_init__(self) -> None:
        if not len(self.logits) == len(self.labels) == len(self.ids):
            raise DataError(f"predictions: {len(self.logits)} logits, {len(self.labels)} labels and {len(self.ids)} ids; all must be as many")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> NDArray[numpy.int64]:
        """The most likely class of each image [n]."""
        return self.logits.argmax(axis=1)

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

    def where(self, mask: NDArray[numpy.bool_]) -> "Predictions":
        """The predictions on the images that `mask` [n] selects."""
        features = None if self.features is None else self.features[mask]
        return Predictions(self.logits[mask], self.labels[mask], self.ids[mask], features)


Views = Mapping[str, Predictions]
"""Predictions of one model by the name of the set: forget, retain, val, test, test_forget, test_retain, held_out."""


@dataclass(frozen=True)
class Evidence:
    """All that a metric or an audit may see of a case: the model under judgement, and the models it is compared with."""

    subject: Views
    original: Views | None = None
    retrained: tuple[Views, ...] = ()
    shadow: tuple[Views, ...] = ()
    forgotten_classes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Value:
    """A number with its 95 % interval (`None` where none can be had) and the number of images or models it rests on."""

    value: float
    interval: tuple[float, float] | None = None
    n: int | None = None


@dataclass(frozen=True)
class NotRun:
    """A number that could not be had, and why: shown as such, never as 0 or NaN."""

    reason: str


@dataclass(frozen=True)
class Audit:
    """An attack's outcome: named values, and its score for every image (higher = more likely a member) by id."""

    values: Mapping[str, Value | NotRun]
    scores: Mapping[str, Floats] = field(default_factory=dict)
    ids: Mapping[str, NDArray[numpy.int64]] = field(default_factory=dict)


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
