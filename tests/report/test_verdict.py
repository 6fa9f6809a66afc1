"""The four words, each where it belongs; and the controls that an audit must pass to be believed."""

from dataclasses import replace

import numpy
import pytest

from canforget.audits.membership import membership
from canforget.audits.nearest_prototype import nearest_prototype
from canforget.errors import DataError
from canforget.evaluation.evidence import Evidence, Predictions
from canforget.metrics.accuracy import accuracy
from canforget.report.verdict import Comparison, Margins, Verdict, verdict, weakest

SEEDS, CLASSES, MARGINS = range(5), 5, Margins()
GOOD = Comparison("retain accuracy", [0.99, 0.98, 0.99], [0.99, 0.985, 0.99], 0.02)


def test_not_significant_is_inconclusive_with_what_could_have_been_seen():
    """Three noisy seeds must not acquit."""
    found = verdict(GOOD, [Comparison("auc", [0.40, 0.62, 0.51], [0.5, 0.5, 0.5], 0.03)])
    assert found.word == "inconclusive"
    assert "could have been seen" in found.reasons[0]


def test_one_seed_says_nothing():
    """A difference without an error."""
    assert verdict(GOOD, [Comparison("auc", [0.5], [0.5], 0.03)]).word == "inconclusive"
    assert verdict(Comparison("retain accuracy", [1.0], [1.0], 0.02), [GOOD]).word == "inconclusive"


def test_a_significant_difference_inside_the_margin_is_equivalent():
    """With many seeds everything is significant."""
    close = Comparison("auc", [0.511, 0.512, 0.510, 0.511], [0.5, 0.5, 0.5, 0.5], 0.03)
    assert verdict(GOOD, [close]).word == "consistent with retraining"


def test_several_tests_do_not_multiply_false_alarms():
    """Without Holm, one of four tests of nothing is residual far more often than stated."""
    rng, alarms = numpy.random.default_rng(0), 0
    for _ in range(300):
        tests = [Comparison(str(k), rng.normal(0.5, 0.2, 5), [0.5] * 5, 0.01) for k in range(4)]
        alarms += verdict(GOOD, tests).word in ("residual", "over-forgotten")
    assert alarms / 300 <= 0.08


def test_utility_above_retraining_passes_the_gate_and_far_below_does_not():
    """A model that classifies better than retraining is not to blame for that."""
    same = [Comparison("auc", [0.5, 0.501, 0.5], [0.5, 0.5, 0.501], 0.03)]
    above, below, unsure = ([0.95, 0.96, 0.95], [0.5, 0.52, 0.51], [0.95, 0.6, 0.9])
    words = [verdict(Comparison("retain accuracy", u, [0.9, 0.9, 0.9], 0.02), same).word for u in (above, below, unsure)]
    assert words == ["consistent with retraining", "over-forgotten", "inconclusive"]


def test_the_weakest_word_is_said_of_all_formats():
    """An average of formats would hide the one that brings it back."""
    assert weakest(["consistent with retraining", "over-forgotten", "inconclusive"]) == "over-forgotten"
    with pytest.raises(DataError, match="pair them by seed"):
        verdict(GOOD, [Comparison("auc", [0.5], [0.5, 0.5], 0.03)])
    with pytest.raises(DataError, match="no test besides utility"):
        verdict(GOOD, [])


def model(seed: int, seen: float = 0.0, unseen: float = 0.0, utility: float = 7.0, held: float = 2.0) -> dict[str, Predictions]:
    """A five-class model: log-odds of class 0 on forgotten and on unseen images, utility, and how far its features hold class 0.

    A class that was never trained on is recognized rather well, too: `held` is 2 of 4 then.
    """
    rng = numpy.random.default_rng(seed)
    views = {}
    for name, n, own in (("forget", 2500, seen), ("test_forget", 2500, unseen), ("retain", 2500, utility)):
        y = numpy.zeros(n, int) if own is not utility else rng.integers(1, CLASSES, size=n)
        z, x = rng.normal(size=(n, CLASSES)), rng.normal(size=(n, 8))
        z[numpy.arange(n), y] += own
        x[numpy.arange(n), y] += numpy.where(y == 0, held, 4)
        views[name] = Predictions(z.astype(numpy.float32), y, numpy.arange(n), x.astype(numpy.float16))
    return views


def ruled_out(views):
    """A masked head: the forgotten class can never be answered."""
    return {
        k: replace(p, logits=numpy.where(numpy.arange(CLASSES) == 0, -numpy.inf, p.logits).astype(numpy.float32)) for k, p in views.items()
    }


def judged(make) -> Verdict:
    """The verdict over five seeds, paired with five retrained models."""
    pairs = [(make(seed), model(1000 + seed, -6, -6)) for seed in SEEDS]
    rows = [[figures(views) for views in side] for side in zip(*pairs)]
    subject, retrained = (list(zip(*side)) for side in rows)
    names, margins = ("retain accuracy", "forget accuracy", "auc", "prototype"), (0.02, MARGINS.accuracy, MARGINS.auc, MARGINS.probe)
    gate, *tests = [Comparison(*row) for row in zip(names, subject, retrained, margins)]
    return verdict(gate, tests)


def figures(views):
    evidence, rng = Evidence(views, forgotten_classes=(0,)), numpy.random.default_rng(0)
    return (
        accuracy(evidence, view="retain").value,
        accuracy(evidence, view="forget").value,
        membership(evidence, rng=rng, signals=("phi",)).values["phi"].value,
        nearest_prototype(evidence, rng=rng, shots=(20,), draws=2).values["accuracy_20_shots"].value,
    )


def words(found: Verdict) -> dict[str, str]:
    return {f.name: f.word for f in found.findings}


def test_control_a_retrained_model_passes_everything():
    """An audit that accuses retraining accuses every method."""
    assert judged(lambda seed: model(seed, -6, -6)).word == "consistent with retraining"


def test_control_the_original_fails():
    """An audit that acquits the original sees nothing."""
    found = judged(lambda seed: model(seed, seen=8, unseen=7, held=4))
    assert found.word == "residual"
    assert words(found)["auc"] == words(found)["forget accuracy"] == "residual"


def test_control_a_destroyed_model_fails_the_utility_gate():
    """It forgets as well as retraining, and everything else too."""
    found = judged(lambda seed: model(seed, -6, -6, utility=0.0))
    assert words(found)["retain accuracy"] == "over-forgotten"
    assert "utility gate failed" in found.reasons[0]
    assert words(found)["auc"] == "consistent with retraining"


def test_control_a_relabelled_model_is_over_forgotten():
    """Its forget set is less known than images never seen, which tells it."""
    found = judged(lambda seed: model(seed, seen=-9, unseen=-6))
    assert found.word == "over-forgotten"
    assert words(found)["auc"] == "over-forgotten"


def test_control_a_masked_head_is_flagged_by_the_features_alone():
    """It passes all output metrics."""
    found = judged(lambda seed: ruled_out(model(seed, seen=8, unseen=7, held=4)))
    assert words(found) == {
        "retain accuracy": "consistent with retraining",
        "forget accuracy": "consistent with retraining",
        "auc": "consistent with retraining",
        "prototype": "residual",
    }


def test_the_false_alarm_rate_of_the_whole_verdict_is_small():
    """Retrained models judged as subjects over many draws of seeds: how often is one accused?"""
    rng, accused = numpy.random.default_rng(3), 0
    for _ in range(200):
        tests = [Comparison(str(k), *rng.normal(0.5, 0.01, size=(2, 5)), 0.03) for k in range(3)]
        accused += verdict(Comparison("retain accuracy", *rng.normal(0.95, 0.003, size=(2, 5)), 0.02), tests).word in (
            "residual",
            "over-forgotten",
        )
    assert accused / 200 <= 0.05
