"""Controls come by one key, act where they can, are asked about where their answer is known, and change no other step."""

from typing import Any

import pytest

from canforget.study.definition import Study
from canforget.study.plan import plan

GIVEN = {"datasets": "digits", "models": "tiny_cnn", "unlearners": "finetune", "quantizers": ["none", "int:bits=4", "float8"], "seeds": 2}
CLASS, RANDOM = "whole_class:classes=3", "random_samples:fraction=0.1"


def asked(scenario: Any, **changes: Any) -> Any:
    """Which unlearners are asked about in which formats."""
    return {(c.unlearner, c.quantizer) for c in plan(Study.of(**GIVEN | {"scenarios": scenario} | changes)).cases}


def test_every_control_is_added_where_its_answer_is_known() -> None:
    added = asked(CLASS, controls=True) - asked(CLASS)
    plain = {"leaky_retrain", "destroyed", "relabelled", "head_mask", "head_distillation"}
    assert added == {(u, "none") for u in plain} | {("within_rounding_cells", q) for q in ("none", "int:bits=4")}


def test_a_control_of_classes_is_left_out_where_no_class_is_forgotten() -> None:
    """It would be a row "not run" that nobody asked for."""
    assert not any(u == "head_mask" for u, _ in asked(RANDOM, controls=True))


def test_an_unlearner_that_is_named_is_asked_about_in_every_format_control_or_not() -> None:
    found = asked(RANDOM, controls=True, unlearners=["destroyed", "head_mask"])
    assert {q for u, q in found if u == "destroyed"} == {"none", "int:bits=4", "float8"}
    assert ("head_mask", "none") in found


def test_without_the_key_no_control_is_run() -> None:
    """Published recipes keep their meaning."""
    assert Study.of(**GIVEN | {"scenarios": CLASS}).controls is False
    assert {u for u, _ in asked(CLASS)} == {"retrain", "nothing", "finetune"}


def test_controls_bring_features_their_audits_and_full_precision() -> None:
    study = plan(Study.of(**GIVEN | {"scenarios": CLASS, "controls": True, "quantizers": "float8", "audits": ["membership"]})).study
    assert study.features
    assert [a.name for a in study.audits] == ["membership", "nearest_prototype", "ridge_probe", "duplicates"]
    assert [q.name for q in study.quantizers] == ["none", "float8"]
    assert "forget.linear_cka" in {f"{m['view']}.{m.name}" for m in study.metrics if "view" in dict(m.parameters)}


@pytest.mark.parametrize("quantizer", ["int:bits=4,granularity=per_tensor", "int:bits=4,symmetric=false", "float8"])
def test_cells_are_asked_about_only_at_the_grid_that_they_are_of(quantizer: Any) -> None:
    assert not any(u.startswith("within") for u, _ in asked(RANDOM, controls=True, quantizers=["none", quantizer]))


def test_controls_change_no_step_of_the_others_but_what_features_change() -> None:
    keys = [
        {s.name for s in plan(Study.of(**GIVEN | {"scenarios": CLASS} | extra)).steps if s.verb not in ("judge", "predict")}
        for extra in ({}, {"controls": True})
    ]
    assert keys[0] < keys[1]
