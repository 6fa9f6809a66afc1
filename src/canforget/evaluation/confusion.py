"""Precision, recall and F1 from a table of counts, and their intervals by drawing such tables again."""

from collections.abc import Callable
from typing import Literal

import numpy
from numpy.typing import NDArray

from canforget.evaluation.evidence import Evidence, Predictions, Value, view_of
from canforget.evaluation.statistics import Floats
from canforget.rng import numpy_generator

Average = Literal["macro", "weighted"]
PerClass = Callable[[Floats], Floats]


def confusion(predictions: Predictions) -> NDArray[numpy.int64]:
    """How many images of each class (row) were taken for each class (column) [classes, classes]."""
    classes = predictions.logits.shape[1]
    cells = predictions.labels * classes + predictions.predicted
    return numpy.asarray(numpy.bincount(cells, minlength=classes * classes).reshape(classes, classes))


def precisions(counts: Floats) -> Floats:
    """Share of each class's predictions that are right [..., classes]; 0 for a class never predicted."""
    return ratio(diagonal(counts), counts.sum(axis=-2))


def recalls(counts: Floats) -> Floats:
    """Share of each class's images that are found [..., classes]; 0 for a class without images."""
    return ratio(diagonal(counts), counts.sum(axis=-1))


def f1s(counts: Floats) -> Floats:
    """Harmonic mean of precision and recall of each class [..., classes]; 0 where neither exists."""
    return ratio(2 * diagonal(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def diagonal(counts: Floats) -> Floats:
    """The images classified as labelled, per class."""
    return numpy.asarray(numpy.diagonal(counts, axis1=-2, axis2=-1))


def ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, and 0 where the denominator is 0."""
    return numpy.asarray(numpy.divide(above, below, out=numpy.zeros(above.shape), where=below > 0), dtype=numpy.float64)


def averaged(counts: Floats, score: PerClass, average: Average) -> Floats:
    """A per-class score averaged over classes: equally over those that occur or are predicted, or weighted by their images."""
    images = counts.sum(axis=-1)
    weights = images if average == "weighted" else (images + counts.sum(axis=-2) > 0).astype(numpy.float64)
    return numpy.asarray((score(counts) * weights).sum(axis=-1) / weights.sum(axis=-1))


def averaged_value(evidence: Evidence, view: str, score: PerClass, average: Average, draws: int = 1000) -> Value:
    """The averaged score on `view`, with the 95 % bootstrap interval over images (drawn as tables of counts, by a fixed stream)."""
    predictions = view_of(evidence.subject, view)
    counts, n = confusion(predictions), len(predictions)
    rng = numpy_generator(f"confusion/{score.__name__}/{average}/{n}")
    drawn = rng.multinomial(n, (counts / n).ravel(), size=draws).reshape(draws, *counts.shape)
    low, high = numpy.quantile(averaged(drawn.astype(numpy.float64), score, average), [0.025, 0.975])
    estimate = float(averaged(counts.astype(numpy.float64), score, average))
    return Value(estimate, (min(float(low), estimate), max(float(high), estimate)), n)
