import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.data.split import ids_fingerprint, split_by
from canforget.errors import CanforgetError, DataError, PlanError
from canforget.spec import parse
from canforget.study.definition import Study
from canforget.study.plan import Case, plan, refuse_overlap

GIVEN = {
    "datasets": "digits", "models": ["tiny_cnn"], "scenarios": ["whole_class:classes=3"], "unlearners": ["scrub"], "quantizers": ["none", "int"],
    "seeds": 2,
}  # fmt: skip


def drawn(**changes: Any) -> Any:
    return plan(Study.of(**GIVEN | changes))


def count(found: Any, verb: Any) -> Any:
    return sum(s.verb == verb for s in found.steps)


def test_every_combination_is_a_case_and_the_references_are_always_there() -> None:
    found = drawn()
    assert len(found.cases) == 3 * 2 * 2
    assert {c.unlearner for c in found.cases} == {"retrain", "nothing", "scrub"}


def test_a_step_that_two_cases_name_is_planned_once() -> None:
    found = drawn()
    assert count(found, "train") == 4  # original and retrained, two seeds
    assert count(found, "unlearn") == 2
    assert len(found.steps) < found.named


def test_the_original_model_is_shared_between_scenarios() -> None:
    """It is trained on forget and retain together, whichever is which."""
    found = drawn(scenarios=["whole_class:classes=3", "random_samples:count=50"])
    assert count(found, "train") == 2 + 2 * 2


def test_the_retrained_model_is_the_same_component_on_the_retain_set() -> None:
    trainings = [s for s in drawn().steps if s.verb == "train"]
    assert {tuple(s.what["parts"]) for s in trainings} == {("forget", "retain"), ("retain",)}
    assert len({str(s.what["fit"]) for s in trainings}) == 1


def test_steps_come_after_what_they_need() -> None:
    seen: set[Any] = set()
    for step in drawn().steps:
        assert set(step.needs) <= seen, step.label
        seen.add(step.name)


def test_keys_do_not_depend_on_what_else_is_in_the_study() -> None:
    small, large = drawn(), drawn(unlearners=["scrub", "finetune"], quantizers=["none", "int", "float8"])
    assert {s.name for s in small.steps if s.verb != "judge"} <= {s.name for s in large.steps}


@pytest.mark.parametrize("change", [{"fit": {"epochs": 3}}, {"val_fraction": 0.2}, {"models": ["tiny_cnn:width=8"]}, {"split_seed": 1}])
def test_what_decides_a_result_decides_its_key(change: Any) -> None:
    before, after = ({s.key for s in p.steps if s.verb == "train"} for p in (drawn(), drawn(**change)))
    assert not before & after


def test_a_retrained_model_is_judged_against_the_others_never_against_itself() -> None:
    found = drawn()
    steps = {s.name: s for s in found.steps}
    for case in found.cases:
        if case.unlearner == "retrain":
            judge = steps[case.steps["judge"]].what
            assert len(judge["retrained"]) == 1
            assert judge["subject"] not in judge["retrained"]


def test_a_quantized_model_is_judged_against_retrained_models_in_the_same_format() -> None:
    found = drawn()
    steps = {s.name: s for s in found.steps}
    by_place = {(c.unlearner, c.quantizer, c.seed): c for c in found.cases}
    judge = steps[by_place["scrub", "int:bits=8", 0].steps["judge"]].what
    assert judge["retrained"] == [by_place["retrain", "int:bits=8", s].steps["predict"][1] for s in (0, 1)]


def judgements(found: Any) -> Any:
    """What every case is judged by, for its labels."""
    steps = {s.name: s for s in found.steps}
    return {(c.unlearner, c.quantizer, c.seed): (c, steps[c.steps["judge"]]) for c in found.cases}


def test_a_quantized_model_is_judged_beside_the_same_models_before_rounding_in_the_same_order() -> None:
    """A rebound of one retrained model must not be paired with another."""
    cases = judgements(drawn(seeds=3))
    for (unlearner, quantizer, seed), (case, judge) in cases.items():
        if quantizer == "none":
            assert "full_precision" not in judge.what
            continue
        before = cases[unlearner, "none", seed][1].what
        assert judge.what["full_precision"] == {k: before[k] for k in ("subject", "original", "retrained")}, case.labels
        assert {("predict", k) for k in (before["subject"], before["original"], *before["retrained"])} <= set(judge.needs)


def test_models_before_rounding_are_predicted_even_if_the_study_does_not_ask() -> None:
    """A study of int8 alone still needs its rebound."""
    alone, both = drawn(quantizers=["int"]), drawn()
    assert {s.key for s in alone.steps if s.verb == "predict"} == {s.key for s in both.steps if s.verb == "predict"}
    assert len(alone.cases) == 3 * 2


def test_options_left_alone_change_no_key_and_features_change_those_of_predictions_only() -> None:
    """Results of earlier studies stay of use."""
    before = {s.name for s in drawn().steps if s.verb != "judge"}
    assert before == {s.name for s in drawn(noise_draws=20, probes=True).steps if s.verb not in ("judge", "noise", "probe")}
    after = {s.name for s in drawn(features=True).steps if s.verb != "judge"}
    assert {v for v, _ in before - after} == {v for v, _ in after - before} == {"predict"}


def test_noise_and_probes_are_planned_for_rounded_models_only() -> None:
    """The original has no update to probe; what was not rounded has no rounding to compare with."""
    found = drawn(noise_draws=20, probes=True, quantizers=["none", "int", "int:symmetric=false", "float8"])
    assert count(found, "noise") == 3 * 3 * 2
    assert count(found, "probe") == 2 * 2
    cases = judgements(found)
    symmetric, affine = (parse("quantizers", q).label for q in ("int", "int:symmetric=false"))
    assert "probe code_flips" not in cases["nothing", symmetric, 0][0].steps
    assert {"noise", "probe code_flips"} <= cases["scrub", symmetric, 0][0].steps.keys()
    assert f"rounded to nearest, not of {affine}" in cases["scrub", affine, 0][1].what["unprobed"]["code_flips"]
    assert not {"unprobed", "noise", "probes"} & cases["scrub", "none", 0][1].what.keys()


def test_too_few_draws_of_noise_are_refused() -> None:
    with pytest.raises(CanforgetError, match="noise_draws: 5 can decide nothing; give 0, or at least 19"):
        drawn(noise_draws=5)


def test_the_calibration_set_may_touch_the_retain_set_only() -> None:
    """The predecessor calibrated on images that were to be forgotten."""
    from canforget.data.split import split_ids
    from canforget.registry import find

    data = find("datasets", "digits").load()(data_dir=None)
    ids = split_ids(data, lambda table, rng: table.ids[table.labels == 3], seed=0)
    refuse_overlap(ids)
    with pytest.raises(PlanError, match="calibration set touches images outside the retain set"):
        refuse_overlap(replace(ids, calibration=numpy.append(ids.calibration, ids.forget[:1])))
    assert set(ids.sets) >= {"forget", "retain", "calibration"}


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("whole_class:classes=cat", "cat"),
        ("random_samples:count=100000", "100000"),
        ("ids:file=absent.txt", "absent.txt"),
    ],
)
def test_a_forget_set_that_cannot_be_is_found_before_anything_is_computed(scenario: Any, message: Any) -> None:
    with pytest.raises(CanforgetError, match=f"nothing was run: digits.*{message}"):
        drawn(scenarios=[scenario])


def test_a_missing_data_set_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cifar10") as problem:
        plan(Study.of(**GIVEN | {"datasets": "cifar10", "scenarios": "whole_class:classes=cat"}), tmp_path)
    assert "\n" not in str(problem.value)


def test_a_case_is_named_by_its_key_however_long_its_labels_are() -> None:
    """A plausible label of 311 characters ended a study with "File name too long" and no results at all."""
    long = Case("digits", "tiny_cnn", "whole_class:classes=3", "scrub:" + "x" * 400, "none", 0, {})
    assert len(long.key) == 16
    assert len({c.key for c in drawn().cases} | {long.key}) == len(drawn().cases) + 1
    assert {c.key for c in drawn().cases} == {c.key for c in drawn().cases}


def test_a_case_holds_every_hyperparameter_of_its_components_and_settings() -> None:
    """The record of a retrained model, of the original and of one that was not rounded did not say what made it."""
    by_place = {(c.unlearner, c.quantizer): c.hyperparameters for c in drawn(unlearners=["scrub:alpha=0.5"], fit={"epochs": 7}).cases}
    for found in by_place.values():
        assert {found[axis]["name"] for axis in ("dataset", "model", "scenario")} == {"digits", "tiny_cnn", "whole_class"}
        assert found["fit"]["epochs"] == 7
        assert found["calibration"] == 256
        assert {"split_seed", "noise_draws", "val_fraction", "judged_retain"} <= found.keys()
        assert "accuracy" in {m["name"] for m in found["metrics"]}
        assert "membership" in {a["name"] for a in found["audits"]}
    assert by_place["retrain", "none"]["unlearner"]["parameters"]["fit"]["epochs"] == 7
    assert by_place["nothing", "none"]["quantizer"]["name"] == "none"
    scrub = by_place["scrub:alpha=0.5", "int:bits=8"]
    assert scrub["unlearner"]["parameters"]["alpha"] == 0.5
    assert "gamma" in scrub["unlearner"]["parameters"]
    assert scrub["quantizer"]["parameters"]["bits"] == 8


def test_the_plan_says_how_many_images_calibrate_where_a_study_does_not() -> None:
    """A default that adapts must be told in numbers: the record holds what was used."""
    (split,) = [s for s in drawn().steps if s.verb == "split"]
    assert split.what["calibration"] == split.what["counts"]["calibration"] == 256
    with pytest.raises(PlanError, match=r"nothing was run: .* calibration=2000: the retain set has \d+ images; pass a number from 0"):
        drawn(calibration=2000)


WORLDS: dict[str, Any] = {"scenarios": ["randomized_inclusion:count=200"], "seeds": 3, "worlds": True}


def test_in_a_study_of_worlds_every_seed_tosses_its_own_coins() -> None:
    """One forget set under three seeds is one draw of what is forgotten; the retrained models are the reference of all three."""
    found = drawn(**WORLDS)
    forgotten = {s.what["scenario"]["parameters"]["draw"]: s.what["ids"]["forget"] for s in found.steps if s.verb == "split"}
    assert sorted(forgotten) == [0, 1, 2]
    assert len(set(forgotten.values())) == 3
    assert count(found, "train") == 3 + 3
    assert {c.scenario for c in found.cases} == {"randomized_inclusion:count=200"}
    by_name = {s.name: s for s in found.steps}
    split_of = {s.key: s.what["scenario"]["parameters"]["draw"] for s in found.steps if s.verb == "split"}
    for case in found.cases:
        judged = by_name[case.steps["judge"]]
        assert split_of[judged.what["split"]] == case.seed
        predicted = {s.key: split_of[s.what["split"]] for s in found.steps if s.verb == "predict"}
        assert {predicted[key] for key in (judged.what["original"], *judged.what["retrained"])} == {case.seed}, "all on the same images"
        assert len(judged.what["retrained"]) == (2 if case.unlearner == "retrain" else 3)


def test_what_is_judged_in_a_format_is_compared_with_retrained_models_of_other_worlds_in_that_format() -> None:
    found = drawn(**WORLDS)
    labels = {s.key: s.label for s in found.steps if s.verb == "predict"}
    judged = {c.labels: next(s for s in found.steps if s.name == c.steps["judge"]) for c in found.cases}
    for case, step in judged.items():
        assert all(("quantize" in labels[k]) == (case[4] != "none") for k in step.what["retrained"])
    assert all("full_precision" in s.what for c, s in judged.items() if c[4] != "none")


def test_worlds_need_a_scenario_that_tosses_coins() -> None:
    with pytest.raises(CanforgetError, match="worlds: whole_class:classes=3 tosses no coins"):
        drawn(worlds=True)
    with pytest.raises(CanforgetError, match="worlds: the draw is the seed; leave out draw=1"):
        drawn(**WORLDS | {"scenarios": ["randomized_inclusion:count=200,draw=1"]})


def test_a_thousand_cases_are_planned_in_a_second_of_the_processor() -> None:
    """Each case once hashed the split anew for each model that it is compared with: twelve seconds for CIFAR-10."""
    started = time.process_time()
    found = drawn(
        unlearners=["scrub", "salun", "finetune", "ssd", "neggrad_plus", "random_labels", "gradient_ascent", "npo"],
        quantizers=["none", "int", "int:bits=4", "float8", "nf4"], seeds=20,
    )  # fmt: skip
    assert len(found.cases) == 1000
    assert time.process_time() - started < 3


def test_a_split_is_drawn_once_and_its_images_are_hashed_once(monkeypatch: Any) -> None:
    hashed: list[Any] = []

    def counting(name: str, function: Callable[..., Any]) -> None:
        def counted(*given: Any, **named: Any) -> Any:
            hashed.append(name)
            return function(*given, **named)

        monkeypatch.setattr(f"canforget.study.{name}", counted)

    counting("planned_steps.ids_fingerprint", ids_fingerprint)
    counting("plan.split_by", split_by)
    drawn(seeds=5, quantizers=["none", "int", "nf4"])
    assert hashed.count("plan.split_by") == 1
    assert hashed.count("planned_steps.ids_fingerprint") == 4  # forget and retain, retain, forget, calibration
