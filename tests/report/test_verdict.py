"""Each word where it belongs, of comparisons and of records; and the controls that an audit must pass to be believed."""

from dataclasses import replace

import numpy
import pytest

from canforget.audits.membership import membership
from canforget.audits.nearest_prototype import nearest_prototype
from canforget.errors import DataError
from canforget.evaluation import evaluate
from canforget.evaluation.evidence import Evidence, Predictions
from canforget.metrics.accuracy import accuracy
from canforget.report.record import Label, Measured, Record, measured
from canforget.report.verdict import TESTS, Comparison, Margins, Verdict, verdict, weakest, with_verdicts
from canforget.spec import parse

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


RETRAINED = {"retain.accuracy": 0.99, "forget.accuracy": 0.0, "test_forget.accuracy": 0.0, "membership.phi": 0.5}


def record(unlearner, seed, quantizer="none", **changes):
    values = RETRAINED | {name.replace("__", "."): v for name, v in changes.items()}
    return Record(Label("d", "m", "s", unlearner, quantizer, seed), {n: Measured(v + 0.001 * seed) for n, v in values.items()})


def study(seeds=3, quantizers=("none",), **changes):
    """Retrained models, the original, and a method with `changes` to what retraining gives; by format, a table each."""
    made = [record(u, s, q) for q in quantizers for u in ("retrain", "nothing") for s in range(seeds)]
    return made + [record("scrub", s, q, **(changes.get(q, {}) if q in changes else changes)) for q in quantizers for s in range(seeds)]


def ruling(records, quantizer="none"):
    return next(r.verdict for r in with_verdicts(records) if (r.case.unlearner, r.case.quantizer) == ("scrub", quantizer))


@pytest.mark.parametrize(
    ("changes", "word", "test"),
    [
        ({}, "consistent with retraining", None),
        ({"forget__accuracy": 0.3}, "residual", "forget.accuracy"),
        ({"membership__phi": 0.3}, "over-forgotten", "membership.phi"),
        ({"retain__accuracy": 0.5}, "over-forgotten", "retain.accuracy"),
        ({"nearest_prototype__accuracy_20_shots": 0.9}, "inconclusive", "nearest_prototype.accuracy_20_shots"),
    ],
)
def test_the_weakest_test_is_named(changes, word, test):
    """The last: retrained models without that value."""
    found = ruling(study(**changes))
    assert found.word == word
    assert found.seeds == 3
    assert test is None or found.test == test


def test_one_seed_is_not_enough_to_say():
    found = ruling(study(seeds=1, forget__accuracy=0.9))
    assert (found.word, found.reason) == ("inconclusive", "fewer than two seeds")


def test_models_are_paired_with_those_retrained_by_the_same_seed():
    """Order of records, or a seed that drifts along with its retrained model, must not matter."""
    rows = {0: 0.5, 1: 0.7, 2: 0.9}
    records = [record(u, s, retain__accuracy=rows[s]) for u, seeds in (("retrain", (2, 0, 1)), ("scrub", (0, 1, 2))) for s in seeds]
    assert ruling(records).word == "consistent with retraining"


def test_references_are_not_judged():
    assert all((r.verdict is None) == (r.case.unlearner != "scrub") for r in with_verdicts(study()))


def test_what_is_residual_at_full_precision_is_not_acquitted_by_rounding():
    """Rounded to chance, every model forgets."""
    found = study(quantizers=("none", "int"), none={"forget__accuracy": 0.3}, int={})
    assert ruling(found, "int").word == "residual"
    assert ruling(found, "int").test == "forget.accuracy at full precision"


def test_what_rounding_brings_back_is_residual_in_that_format_only():
    found = study(quantizers=("none", "int"), none={}, int={"forget__accuracy": 0.3})
    assert ruling(found, "none").word == "consistent with retraining"
    assert (ruling(found, "int").word, ruling(found, "int").test) == ("residual", "forget.accuracy")


def test_what_was_not_run_is_inconclusive_with_its_reason():
    records = study()
    lost = [replace(r, values={}, not_run="diverged") if (r.case.unlearner, r.case.seed) == ("scrub", 1) else r for r in records]
    assert (ruling(lost).word, ruling(lost).reason) == ("inconclusive", "seed 1: diverged")
    alone = [r for r in records if r.case.unlearner == "scrub"]
    assert ruling(alone).reason == "seed 0: no retrained model"
    bare = [replace(r, values={"loss": Measured(1.0)}) for r in records]
    assert (ruling(bare).test, ruling(bare).reason) == ("retain.accuracy", "seed 0: not measured")


def without(records, name, **instead):
    return [replace(r, values={k: v for k, v in r.values.items() if k != name} | instead) for r in records]


@pytest.mark.parametrize("test", TESTS)
def test_a_declared_test_that_is_missing_makes_the_verdict_inconclusive(test):
    """A subject at AUC .95 became "consistent" once its audit was renamed by a changed hyperparameter."""
    found = ruling(without(study(), test))
    assert (found.word, found.test, found.reason) == ("inconclusive", test, "seed 0: not measured")
    assert ruling(without(study(forget__accuracy=0.3, test_forget__accuracy=0.3, membership__phi=0.9), test)).word == "residual"


def test_the_reason_of_a_missing_test_may_stand_under_the_name_of_its_audit():
    found = ruling(without(study(), "membership.phi", membership=Measured(not_run="no predictions on 'test_forget'")))
    assert found.reason == "seed 0: no predictions on 'test_forget'"


def test_an_audit_of_features_is_declared_by_the_study_that_asks_for_it():
    """Other shots than those of the test: what was asked for and cannot be found is said to be missing."""
    asked = [replace(r, hyperparameters={"audits": [{"name": "nearest_prototype"}]}) for r in study()]
    assert (ruling(study()).word, ruling(asked).word) == ("consistent with retraining", "inconclusive")
    assert ruling(asked).test == "nearest_prototype.accuracy_20_shots"


def test_an_audit_with_other_hyperparameters_is_found_by_the_verdict():
    """From evidence to verdict: the same study judged with a changed false-alarm rate."""
    values = {seed: judged_by("membership:false_alarms=0.05", seed, -6) for seed in range(3)}
    remembered = {seed: judged_by("membership:false_alarms=0.05", seed, -4) for seed in range(3)}
    rows = [(u, s, v[s]) for u, v in (("retrain", values), ("scrub", remembered)) for s in range(3)]
    found = ruling([Record(Label("d", "m", "s", u, "none", s), {k: measured(v) for k, v in plain.items()}) for u, s, plain in rows])
    assert (found.word, found.test) == ("residual", "membership.phi")


def judged_by(audit, seed, seen):
    views = model(seed, seen, -6)
    metrics = [parse("metrics", f"accuracy:view={view}") for view in ("forget", "retain", "test_forget")]
    return evaluate.judged(Evidence(views, forgotten_classes=(0,)), metrics, [parse("audits", audit)], "key")


def test_the_order_of_records_is_kept():
    records = study(quantizers=("none", "int"))
    assert [r.case for r in with_verdicts(records)] == [r.case for r in records]
