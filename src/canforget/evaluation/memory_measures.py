"""How much a model remembers of a set, as a mean over images whose error and covariance are known. Higher means remembered, always."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from canforget.errors import NotMeasurable, SpecError, did_you_mean
from canforget.evaluation.evidence import Predictions, Views, view_of
from canforget.evaluation.matched_sets import matching_places, unmatched_sets
from canforget.evaluation.membership_scores import Ints, confidence, log_odds
from canforget.evaluation.statistics import Floats, delong


@dataclass(frozen=True)
class Memory:
    """A measure's value, and the images' shares in it: arrays that each average to the value."""

    value: float
    parts: tuple[Floats, ...]

    def minus(self, others: "list[Memory]") -> "Memory":
        """This value less the mean of others on the same images."""
        parts = tuple(own - numpy.mean([o.parts[k] for o in others], axis=0) for k, own in enumerate(self.parts))
        return Memory(self.value - float(numpy.mean([o.value for o in others])), parts)


def covariance(one: Memory, other: Memory) -> float:
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


def unseen_places(views: Views, rng: numpy.random.Generator, coins: bool = False) -> Ints:
    """Which unseen images match the forget set: the same for all models; where coins were tossed all of them."""
    pair = unmatched_sets(views, coins)
    return numpy.arange(len(pair.unseen)) if coins else matching_places(pair.forget.labels, pair.unseen.labels, rng)


def memory(views: Views, measure: str, view: str, places: Ints | None) -> Memory:
    """One of `MEASURES` averaged over `view`, or "auc" of the forget set against the unseen images at `places` (see `unseen_places`)."""
    if measure == "auc":
        assert places is not None, "find the unseen images first"
        pair = unmatched_sets(views)
        found = delong(log_odds(pair.forget), log_odds(pair.unseen)[places])
        return Memory(found.auc, (found.member, found.other))
    if measure not in MEASURES:
        raise SpecError(f"no measure '{measure}'{did_you_mean(measure, [*MEASURES, 'auc'])}")
    images = MEASURES[measure](view_of(views, view))
    if not numpy.isfinite(images).all():
        raise NotMeasurable("infinite: the model gives a labelled class probability 0")
    return Memory(float(images.mean()), (images,))
