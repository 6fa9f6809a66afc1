"""Coin flips: does one model know which images of a pool were trained on, and then forgotten? Exact, with no other model."""

from typing import Annotated

import numpy
from annotated_types import Ge, Le

from canforget.errors import NotMeasurable
from canforget.evaluation.coin_flips import epsilon_lower_bound, permutation_test
from canforget.evaluation.evidence import Audit, Evidence, Predictions, Value, view_of
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import delong
from canforget.registry import component


@component(paper="Steinke et al. 2023, https://arxiv.org/abs/2305.08846", version=1)
def coin_flips(evidence: Evidence, *, rng: numpy.random.Generator, draws: Annotated[int, Ge(99), Le(100_000)] = 1999) -> Audit:
    """AUC of the forget set (tossed in) against `held_out` (tossed out) by the log-odds of the label, with its permutation p, and ε.

    `p` is two-sided, `p_above` that the images tossed in look trained on, `p_below` that they look less known than those tossed out; all
    hold exactly for this one model, with `draws` of the coins and the real ones. `epsilon_lower_bound` is in nats, one-sided at 95 %; its
    n is the number of guesses that it rests on. 0 says that nothing was found, never that nothing is there.

    Measurable where the scenario tossed coins (`randomized_inclusion`): other held-out images are not exchangeable with the forget set.
    """
    if not evidence.coins:
        raise NotMeasurable("needs a scenario that tosses a coin for each image (randomized_inclusion); others have no exact null")
    inside, outside = (in_order(view_of(evidence.subject, view)) for view in ("forget", "held_out"))
    scores = [log_odds(part) for part in (inside, outside)]
    if any(numpy.isnan(s).any() for s in scores):
        raise NotMeasurable("the log-odds of some image are not a number")
    joint, coins = numpy.concatenate(scores), numpy.arange(len(inside) + len(outside)) < len(inside)
    rank, n = delong(*scores), len(joint)
    found, bound = permutation_test(joint, coins, rng=rng, draws=draws), epsilon_lower_bound(joint, coins)
    values = {
        "auc": Value(rank.auc, rank.interval(), n),
        "p": Value(found.p, n=n),
        "p_above": Value(found.p_above, n=n),
        "p_below": Value(found.p_below, n=n),
        "epsilon_lower_bound": Value(bound.epsilon, n=bound.guesses),
    }
    return Audit(values, {"phi": joint}, {"phi": numpy.concatenate([inside.ids, outside.ids])})


def in_order(predictions: Predictions) -> Predictions:
    """The predictions in the order of their ids, whatever order they came in."""
    return predictions.where(numpy.argsort(predictions.ids, kind="stable"))
