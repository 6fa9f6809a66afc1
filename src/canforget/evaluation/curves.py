"""What is more than a number and is kept in a record: ROC of membership, distributions of scores, accuracy by class."""

from typing import Any

import numpy

from canforget.evaluation.calibrated import calibrated
from canforget.evaluation.evidence import Evidence, NotRun, attempt, per_class, view_of
from canforget.evaluation.matched_sets import matched_sets
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import Floats
from canforget.rng import numpy_generator

POINTS = 40
"""Points of a ROC, even on a logarithmic scale of false alarms, where an attack is dangerous."""
BINS = 24
"""Bins of a distribution of scores."""
Plain = dict[str, Any]


def curves(evidence: Evidence, key: str) -> Plain:
    """`roc`, `scores` and `per_class` of a case as JSON holds them, or `not_run` with the reason; drawn like the audits of that key.

    `roc.matched` and `roc.calibrated` hold false alarms and the share of the forget set told at so many; `scores` counts of forgotten,
    matched unseen and retained images between common `edges`, of φ with the mean of the retrained models taken off where there are any;
    `per_class` the accuracy on the test images of each class.
    """
    return {
        "roc": {
            "matched": plain_curve(attempt(matched_roc, evidence, key)),
            "calibrated": plain_curve(attempt(calibrated_roc, evidence, key)),
        },
        "scores": plain_curve(attempt(score_distributions_of, evidence, key)),
        "per_class": plain_curve(attempt(class_accuracies, evidence)),
    }


def plain_curve(found: Plain | NotRun) -> Plain:
    """What was found, or its reason."""
    return {"not_run": found.reason} if isinstance(found, NotRun) else found


def matched_roc(evidence: Evidence, key: str) -> Plain:
    """The ROC of φ, on the very images that `membership` is measured on."""
    subject = matched_sets(evidence, numpy_generator(f"{key}/membership"))[0]
    return roc(log_odds(subject.forget), log_odds(subject.unseen))


def calibrated_roc(evidence: Evidence, key: str) -> Plain:
    """The ROC of φ with the mean of the retrained models taken off, on the images of `calibrated_membership`."""
    members, others, _ = calibrated_scores(evidence, key)
    return roc(members, others)


def calibrated_scores(evidence: Evidence, key: str) -> tuple[Floats, Floats, bool]:
    """φ of forgotten and of matched unseen images; less that of the retrained models where there are any, and whether there are."""
    subject, *retrained = matched_sets(evidence, numpy_generator(f"{key}/calibrated_membership"))
    members, others = log_odds(subject.forget), log_odds(subject.unseen)
    if not retrained:
        return members, others, False
    difficulty = [numpy.concatenate([log_odds(m.forget), log_odds(m.unseen)]) for m in retrained]
    own = calibrated(numpy.concatenate([members, others]), difficulty)
    return own[: len(members)], own[len(members) :], True


def roc(members: Floats, others: Floats) -> Plain:
    """The share of members above the threshold of each rate of false alarms: at most that rate, and the best that it allows.

    >>> roc(numpy.array([3.0, 1.0]), numpy.array([2.0, 0.0]))["tpr"][-1]
    1.0
    """
    ordered = numpy.sort(others)[::-1]
    rates = numpy.unique(numpy.concatenate([[0.0], numpy.geomspace(1 / len(others), 1, POINTS)]))
    allowed = numpy.floor(rates * len(others) + 1e-9).astype(int)
    told = [1.0 if k >= len(others) else float((members > ordered[k]).mean()) for k in allowed]
    return {"fpr": five_digits(rates), "tpr": five_digits(told), "n": [len(members), len(others)]}


def score_distributions_of(evidence: Evidence, key: str) -> Plain:
    """Counts of scores of forgotten, matched unseen and retained images; the first and the last bin hold what lies beyond."""
    members, others, known = calibrated_scores(evidence, key)
    sets = {"forget": members, "unseen": others} | retained_scores(evidence, known)
    every = numpy.concatenate([s[numpy.isfinite(s)] for s in sets.values()])
    low, high = numpy.percentile(every, [0.5, 99.5]) if len(every) else (-1.0, 1.0)
    edges = numpy.linspace(low, max(high, low + 1e-6), BINS + 1)
    counts = {name: numpy.histogram(numpy.clip(s, edges[0], edges[-1]), edges)[0].tolist() for name, s in sets.items()}
    return {"calibrated": known, "edges": five_digits(edges), "counts": counts}


def retained_scores(evidence: Evidence, known: bool) -> dict[str, Floats]:
    """The same of the retained images that were judged; nothing where the retrained models were judged on others."""
    own = evidence.subject.get("retain")
    if own is None or not len(own):
        return {}
    others = [views["retain"] for views in evidence.references if "retain" in views] if known else []
    if known and (len(others) < len(evidence.references) or any(not numpy.array_equal(o.ids, own.ids) for o in others)):
        return {}
    if not known:
        return {"retain": log_odds(own)}
    found = attempt(calibrated, log_odds(own), [log_odds(o) for o in others])
    return {} if isinstance(found, NotRun) else {"retain": found}


def class_accuracies(evidence: Evidence) -> Plain:
    """Accuracy on the test images of each class that occurs, and their number."""
    found = per_class(view_of(evidence.subject, "test"))
    return {"classes": list(found), "accuracy": five_digits([v.value for v in found.values()]), "n": [v.n for v in found.values()]}


def five_digits(values: Any) -> list[float]:
    """Numbers to five significant digits, which is finer than any of them is known."""
    return [float(f"{v:.5g}") for v in values]
