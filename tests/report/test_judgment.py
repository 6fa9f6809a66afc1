"""Verdicts of records: every declared test counts, each format by itself, and a missing test never drops out in silence."""

from dataclasses import replace
from typing import Any

import pytest

from canforget.evaluation import evaluate
from canforget.evaluation.evidence import Evidence
from canforget.registry import find, names
from canforget.report.judgment import TESTS, measurement, with_verdicts
from canforget.report.measurement import Margins
from canforget.report.record import CONTROLS, Label, Measured, Record, RecordedVerdict, measured, over_seeds
from canforget.spec import parse
from tests.report.test_verdict import model

RETRAINED = {
    "retain.accuracy": 0.99,
    "test_retain.accuracy": 0.9,
    "forget.accuracy": 0.0,
    "test_forget.accuracy": 0.0,
    "membership.phi": 0.5,
}
ORIGINAL = {"forget__accuracy": 0.98, "test_forget__accuracy": 0.9, "membership__phi": 0.8}


def record(unlearner: str, seed: int, quantizer: str = "none", **changes: float) -> Record:
    values = RETRAINED | {name.replace("__", "."): v for name, v in changes.items()}
    label = Label("d", "m", "whole_class:classes=3", unlearner, quantizer, seed)
    return Record(label, {n: Measured(v + 0.001 * seed) for n, v in values.items()})


def study(seeds: int = 3, quantizers: tuple[str, ...] = ("none",), **changes: Any) -> list[Record]:
    """Retrained models, the original, and a method with `changes` to what retraining gives; by format, a table each."""
    made = []
    for q in quantizers:
        own = changes.get(q, {}) if q in changes else changes
        made += [record("retrain", s, q) for s in range(seeds)] + [record("nothing", s, q, **ORIGINAL) for s in range(seeds)]
        made += [record("scrub", s, q, **own) for s in range(seeds)]
    return made


def ruling(records: list[Record], quantizer: str = "none") -> RecordedVerdict:
    found = next(r.verdict for r in with_verdicts(records) if (r.case.unlearner, r.case.quantizer) == ("scrub", quantizer))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "word", "test"),
    [
        ({}, "consistent with retraining", None),
        ({"forget__accuracy": 0.3}, "residual", "forget.accuracy"),
        ({"membership__phi": 0.3}, "over-forgotten", "membership.phi"),
        ({"retain__accuracy": 0.5}, "utility lost", "retain.accuracy"),
        ({"test_retain__accuracy": 0.5}, "utility lost", "test_retain.accuracy"),
        ({"nearest_prototype__accuracy_20_shots": 0.9}, "inconclusive", "nearest_prototype.accuracy_20_shots"),
    ],
)
def test_the_weakest_test_is_named(changes: Any, word: Any, test: Any) -> None:
    """The last: retrained models without that value."""
    found = ruling(study(**changes))
    assert found.word == word
    assert found.seeds == 3
    assert test is None or found.test == test


def test_one_seed_is_not_enough_to_say() -> None:
    found = ruling(study(seeds=1, forget__accuracy=0.9))
    assert (found.word, found.reason) == ("inconclusive", "needs two seeds, or one model against 3 retrained ones")


def test_one_model_against_three_retrained_ones_is_enough_to_accuse_and_to_acquit() -> None:
    """One model is the usual case."""
    cases: list[tuple[dict[str, Any], str]] = [({"membership__phi": 0.7}, "residual"), ({}, "consistent with retraining")]
    for changes, word in cases:
        records = [r for r in study(**changes) if (r.case.unlearner, r.case.seed) not in {("scrub", 1), ("scrub", 2)}]
        assert ruling(records).word == word


def test_subject_and_retrained_models_are_not_paired_by_seed() -> None:
    """A seed that both have in common makes them no more alike (measured); any retrained models will do."""
    records = study()
    others = [replace(r, case=replace(r.case, seed=r.case.seed + 7)) if r.case.unlearner == "retrain" else r for r in records]
    assert ruling(others) == ruling(records)


def test_references_are_not_judged() -> None:
    assert all((r.verdict is None) == (r.case.unlearner != "scrub") for r in with_verdicts(study()))


def test_each_format_is_judged_by_itself_and_the_word_before_rounding_stands_beside_it() -> None:
    """Rounded to chance, every model forgets; a verdict of all formats in one hid which."""
    found = study(quantizers=("none", "int"), none={"forget__accuracy": 0.3}, int={})
    assert (ruling(found, "int").word, ruling(found, "int").full_precision) == ("consistent with retraining", "residual")
    assert ruling(found, "int").had_forgotten is False
    assert "of the memory is left" in ruling(found, "none").gates["had forgotten"]


def test_what_rounding_brings_back_is_residual_in_that_format_only() -> None:
    found = study(quantizers=("none", "int"), none={}, int={"forget__accuracy": 0.3})
    assert ruling(found, "none").word == "consistent with retraining"
    assert (ruling(found, "int").word, ruling(found, "int").test) == ("residual", "forget.accuracy")


def test_what_was_not_run_is_inconclusive_with_its_reason() -> None:
    records = study()
    lost = [replace(r, values={}, not_run="diverged") if (r.case.unlearner, r.case.seed) == ("scrub", 1) else r for r in records]
    assert (ruling(lost).word, ruling(lost).reason) == ("inconclusive", "seed 1: diverged")
    alone = [r for r in records if r.case.unlearner == "scrub"]
    assert ruling(alone).reason == "no retrained model in this format"
    bare = [replace(r, values={"loss": Measured(1.0)}) for r in records]
    assert ruling(bare).reason == "seed 0: not measured"


def without(records: Any, name: Any, **instead: Any) -> Any:
    return [replace(r, values={k: v for k, v in r.values.items() if k != name} | instead) for r in records]


@pytest.mark.parametrize("test", TESTS)
def test_a_declared_test_that_is_missing_makes_the_verdict_inconclusive(test: Any) -> None:
    """A subject at AUC .95 became "consistent" once its audit was renamed by a changed hyperparameter."""
    found = ruling(without(study(), test))
    assert (found.word, found.test, found.reason) == ("inconclusive", test, "seed 0: not measured")
    assert ruling(without(study(forget__accuracy=0.3, test_forget__accuracy=0.3, membership__phi=0.9), test)).word == "residual"


def test_the_reason_of_a_missing_test_may_stand_under_the_name_of_its_audit() -> None:
    found = ruling(without(study(), "membership.phi", membership=Measured(not_run="no predictions on 'test_forget'")))
    assert found.reason == "seed 0: no predictions on 'test_forget'"


def test_an_audit_of_features_is_declared_by_the_study_that_asks_for_it() -> None:
    """Other shots than those of the test: what was asked for and cannot be found is said to be missing."""
    asked = [replace(r, hyperparameters={"audits": [{"name": "nearest_prototype"}]}) for r in study()]
    assert (ruling(study()).word, ruling(asked).word) == ("consistent with retraining", "inconclusive")
    assert ruling(asked).test == "nearest_prototype.accuracy_20_shots"


def test_an_audit_with_other_hyperparameters_is_found_by_the_verdict() -> None:
    """From evidence to verdict: the same study judged with a changed false-alarm rate."""
    values = {seed: judged_by("membership:false_alarms=0.05", seed, -6) for seed in range(3)}
    remembered = {seed: judged_by("membership:false_alarms=0.05", seed, -4) for seed in range(3)}
    rows = [(u, s, v[s]) for u, v in (("retrain", values), ("scrub", remembered)) for s in range(3)]
    found = ruling(
        [Record(Label("d", "m", "whole_class:classes=0", u, "none", s), {k: measured(v) for k, v in plain.items()}) for u, s, plain in rows]
    )
    assert (found.word, found.test) == ("residual", "membership.phi")


def judged_by(audit: Any, seed: Any, seen: Any) -> Any:
    views = model(seed, seen, -6)
    metrics = [parse("metrics", f"accuracy:view={view}") for view in ("forget", "retain", "test_forget")]
    return evaluate.judged(Evidence(views, forgotten_classes=(0,)), metrics, [parse("audits", audit)], "key")


def test_the_order_of_records_is_kept() -> None:
    records = study(quantizers=("none", "int"))
    assert [r.case for r in with_verdicts(records)] == [r.case for r in records]


def test_calibrated_membership_stands_in_the_place_of_the_raw_one_where_it_was_measured() -> None:
    """It sees what difficulty hides; where one model lacks it that is said, and nothing falls back on the weaker test."""
    records = [
        replace(
            r,
            values=r.values
            | {"calibrated_membership.auc": Measured((0.6 if r.case.unlearner == "scrub" else other) + 0.001 * r.case.seed)},
        )
        for r in study()
        for other in [0.8 if r.case.unlearner == "nothing" else 0.5]
    ]
    assert (ruling(records).word, ruling(records).test) == ("residual", "calibrated_membership.auc")
    short = [
        replace(r, values=r.values | {"calibrated_membership.auc": Measured(not_run="why")}) if r.case.unlearner == "retrain" else r
        for r in records
    ]
    assert (ruling(short).word, ruling(short).reason) == ("inconclusive", "seed 0: why")


def test_controls_beside_a_method_are_not_pooled_with_it() -> None:
    """Their spread over seeds is that of ruined and planted models; pooled with others it would decide what is said of these."""
    beside = [record(name, s, forget__accuracy=0.1 + 0.3 * s) for name in ("destroyed", "finetune") for s in range(3)]
    groups = over_seeds([*study(), *beside])
    (scrub,) = [c for c in groups if c.unlearner.name == "scrub"]
    assert len(measurement("forget.accuracy", scrub, groups, Margins()).peers) == 1  # those of finetune


def test_the_controls_are_the_unlearners_that_say_so() -> None:
    """A new control must not be pooled with methods."""
    assert set(CONTROLS) == {name for name in names("unlearners") if find("unlearners", name).traits.get("control")}
