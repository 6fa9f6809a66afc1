"""How much a model remembers of a set, as a mean over images whose error and covariance are known. Higher means remembered, always."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from canforget.errors import SpecError, did_you_mean
from canforget.evaluation.evidence import NotRun, Predictions, Views, view_of
from canforget.evaluation.matched_sets import in_order
from canforget.evaluation.membership_scores import Ints, confidence, log_odds
from canforget.evaluation.statistics import Floats, delong


@dataclass(frozen=True)
class Measured:
    """A measure's value, and the images' shares in it: arrays that each average to the value."""

    value: float
    parts: tuple[Floats, ...]

    def minus(self, others: "list[Measured]") -> "Measured":
        """This value less the mean of others on the same images."""
        parts = tuple(own - numpy.mean([o.parts[k] for o in others], axis=0) for k, own in enumerate(self.parts))
        return Measured(self.value - float(numpy.mean([o.value for o in others])), parts)


def covariance(one: Measured, other: Measured) -> float:
    """Covariance of two values over the choice of images (of a value with itself: its variance)."""
    return sum(float(numpy.cov(a, b)[0, 1]) / len(a) for a, b in zip(one.parts, other.parts) if len(a) > 1)


def rank_below(predictions: Predictions) -> Floats:
    """How many classes stand above the labelled one, negated [n]; ties count half."""
    own = predictions.logits[numpy.arange(len(predictions)), predictions.labels][:, None]
    above = (predictions.logits > own).sum(axis=1) + ((predictions.logits == own).sum(axis=1) - 1) / 2
    return numpy.asarray(-above, dtype=numpy.float64)


MEASURES: dict[str, Callable[[Predictions], Floats]] = {
    "accuracy": lambda p: p.correct.astype(numpy.float64),
    "probability": confidence,
    "margin": log_odds,
    "rank": rank_below,
}


def measured(views: Views, measure: str, view: str, places: Ints | NotRun) -> Measured | NotRun:
    """One of `MEASURES` averaged over `view`, or "auc" of the forget set against the unseen images at `places` (see `matching_places`)."""
    if measure == "auc":
        pair = in_order(views)
        if isinstance(pair, NotRun) or isinstance(places, NotRun):
            return pair if isinstance(pair, NotRun) else places  # type: ignore[return-value]
        found = delong(log_odds(pair.forget), log_odds(pair.unseen)[places])
        return Measured(found.auc, (found.member, found.other))
    if measure not in MEASURES:
        raise SpecError(f"no measure '{measure}'{did_you_mean(measure, [*MEASURES, 'auc'])}")
    predictions = view_of(views, view)
    if isinstance(predictions, NotRun):
        return predictions
    images = MEASURES[measure](predictions)
    if not numpy.isfinite(images).all():
        return NotRun("infinite: the model gives a labelled class probability 0")
    return Measured(float(images.mean()), (images,))
