"""One model beside another on the same images: agreement, divergence and destinations."""

from collections.abc import Callable
from typing import Literal

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Predictions, Value, Views, finite_value, references_of, view_of
from canforget.evaluation.membership_scores import Ints, retained_classes
from canforget.evaluation.statistics import Floats, jensen_shannon, prediction_interval

Other = Literal["original", "retrained"]
Look = Callable[[Views, str], Predictions]
Compare = Callable[[Predictions, Predictions, Ints], float]


def compared_with(evidence: Evidence, other: Other, view: str, compare: Compare, look: Look = view_of) -> Value:
    """`compare(subject, other, retained classes)` on `view` as `look` finds it; over retrained models the mean and the band of one more."""
    subject = look(evidence.subject, view)
    retained, found = retained_classes(evidence, subject.logits.shape[1]), []
    for views in others_of(evidence, other):
        there = look(views, view)
        if not numpy.array_equal(there.ids, subject.ids):
            raise NotMeasurable(f"'{view}' holds other images for the {other} model than for the subject")
        found.append(compare(subject, there, retained))
    return finite_value(float(numpy.mean(found)), prediction_interval(found), len(found))


def others_of(evidence: Evidence, other: Other) -> tuple[Views, ...]:
    """The models to compare the subject with."""
    if other == "retrained":
        return references_of(evidence)
    if evidence.original is None:
        raise NotMeasurable("needs the original model")
    return (evidence.original,)


def agreeing(one: Predictions, other: Predictions, retained: Ints) -> float:
    """Fraction of images given the same class."""
    return float((one.predicted == other.predicted).mean())


def model_divergences(one: Predictions, other: Predictions, retained: Ints) -> float:
    """Mean Jensen-Shannon divergence of the probabilities, in units of ln 2."""
    return float(jensen_shannon(numpy.exp(one.log_probabilities), numpy.exp(other.log_probabilities)).mean())


def redirection(one: Predictions, other: Predictions, retained: Ints) -> float:
    """Total variation between the mean distributions over the retained classes."""
    return float(abs(destinations(one, retained) - destinations(other, retained)).sum() / 2)


def destinations(predictions: Predictions, retained: Ints) -> Floats:
    """Mean over images of the probabilities of the retained classes, made to sum to 1 on each image [retained]."""
    z = predictions.logits[:, retained].astype(numpy.float64)
    p = numpy.exp(z - z.max(axis=1, keepdims=True))
    return numpy.asarray((p / p.sum(axis=1, keepdims=True)).mean(axis=0))
