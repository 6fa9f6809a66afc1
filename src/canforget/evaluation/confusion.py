"""Precision, recall and F1 from a table of counts, and their bootstrap intervals by drawing such tables again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy

from canforget.evaluation.evidence import Evidence, Predictions, Value, view_of
from canforget.evaluation.membership_scores import Ints
from canforget.evaluation.statistics import Floats
from canforget.rng import numpy_generator

Average = Literal["macro", "weighted"]


@dataclass(frozen=True)
class Tally:
    """Per class the true positives, the images of the class, and the images called it [..., classes]: the margins of a confusion matrix."""

    hits: Floats
    images: Floats
    called: Floats


PerClass = Callable[[Tally], Floats]


def precisions(tally: Tally) -> Floats:
    """Share of each class's predictions that are right [..., classes]; 0 for a class never predicted."""
    return ratio(tally.hits, tally.called)


def recalls(tally: Tally) -> Floats:
    """Share of each class's images that are found [..., classes]; 0 for a class without images."""
    return ratio(tally.hits, tally.images)


def f1s(tally: Tally) -> Floats:
    """Harmonic mean of precision and recall of each class [..., classes]; 0 where neither exists."""
    return ratio(2 * tally.hits, tally.images + tally.called)


def ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, and 0 where the denominator is 0."""
    return numpy.asarray(numpy.divide(above, below, out=numpy.zeros(above.shape), where=below > 0), dtype=numpy.float64)


def averaged(tally: Tally, score: PerClass, average: Average) -> Floats:
    """A per-class score averaged over classes: equally over those that occur or are predicted, or weighted by their images."""
    weights = tally.images if average == "weighted" else (tally.images + tally.called > 0).astype(numpy.float64)
    return numpy.asarray((score(tally) * weights).sum(axis=-1) / weights.sum(axis=-1))


@dataclass(frozen=True)
class Cells:
    """The cells of a confusion matrix that are not empty: how many images of which class were taken for which."""

    counts: Ints
    labels: Ints
    predicted: Ints
    classes: int

    def tally(self, counts: Ints) -> Tally:
        """The margins of tables [..., cells] with these cells."""
        right = self.labels == self.predicted
        return Tally(
            self.summed(counts[..., right], self.labels[right]), self.summed(counts, self.labels), self.summed(counts, self.predicted)
        )

    def summed(self, counts: Ints, classes: Ints) -> Floats:
        """Counts added up by class [..., classes]."""
        return numpy.asarray(counts @ (classes[:, None] == numpy.arange(self.classes)).astype(numpy.float64))


def cells_of(predictions: Predictions) -> Cells:
    """The confusion matrix of a model, empty cells left out: at most as many as there are images, however many the classes."""
    classes = predictions.logits.shape[1]
    cells, counts = numpy.unique(predictions.labels * classes + predictions.predicted, return_counts=True)
    return Cells(counts, cells // classes, cells % classes, classes)


def averaged_value(evidence: Evidence, view: str, score: PerClass, average: Average, draws: int = 1000) -> Value:
    """The averaged score on `view`, with the 95 % bootstrap interval over images (drawn as tables of counts, by a fixed stream)."""
    predictions = view_of(evidence.subject, view)
    cells, n = cells_of(predictions), len(predictions)
    drawn = numpy_generator(f"confusion/{average}/{n}").multinomial(n, cells.counts / n, size=draws)
    low, high = numpy.quantile(averaged(cells.tally(drawn), score, average), [0.025, 0.975])
    estimate = float(averaged(cells.tally(cells.counts), score, average))
    return Value(estimate, (min(float(low), estimate), max(float(high), estimate)), n)
