"""Margin: how far the labelled class is ahead of all the others."""

from canforget.evaluation.evidence import Evidence, Value, finite_value, view_of
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import t_interval
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1)
def margin(evidence: Evidence, *, view: View = "forget") -> Value:
    """Mean log-odds of the labelled class on `view` in nats, unbounded; sees movement where forget accuracy stays at 0.

    Compare with the retrained models'. The interval is Student's over images at 95 %: it does not cover the training seed.

    >>> from canforget.evaluation.evidence import evidence_of
    >>> margin(evidence_of([[2, 0], [1, 0]], [0, 1], view="forget")).value
    0.5
    """
    predictions = view_of(evidence.subject, view)
    odds = log_odds(predictions)
    mean = float(odds.mean())
    return finite_value(mean, t_interval(odds) if abs(mean) < float("inf") else None, len(predictions))
