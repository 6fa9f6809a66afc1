"""Verdicts on made-up records: each word where it belongs, and what cannot be said said to be so."""

from dataclasses import replace

import pytest

from canforget.report.record import Label, Measured, Record
from canforget.report.verdict import with_verdicts

RETRAINED = {"retain.accuracy": 0.99, "forget.accuracy": 0.0, "membership.phi": 0.5}


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
    assert (ruling(bare).test, ruling(bare).reason) == ("retain.accuracy", "not measured")


def test_the_order_of_records_is_kept():
    records = study(quantizers=("none", "int"))
    assert [r.case for r in with_verdicts(records)] == [r.case for r in records]
