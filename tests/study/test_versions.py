from typing import Any

import pytest

from canforget.report.room_versions import ROOMS
from canforget.study import versions
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.versions import RESTS_ON, VERBS

GIVEN = {
    "datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": ["finetune", "ste"], "quantizers": ["none", "int"],
    "noise_draws": 20, "probes": True,
}  # fmt: skip
AFTER_TRAINING = {"train", "unlearn", "quantize", "predict", "noise", "probe", "judge"}


def rekeyed(monkeypatch: pytest.MonkeyPatch, table: Any, name: Any, **changes: Any) -> Any:
    """The verbs of which some step, and of which every step, gets another key when a version is raised."""
    study = Study.of(**GIVEN | changes)
    before = {s.name for s in plan(study).steps}
    monkeypatch.setitem(table, name, table[name] + 1)
    after = {s.name for s in plan(study).steps}
    return {v for v, _ in after - before}, {v for v, _ in after} - {v for v, _ in after & before}


@pytest.mark.parametrize(
    ("room", "verbs"),
    [
        ("data", {"split"} | AFTER_TRAINING),
        ("rng", {"split"} | AFTER_TRAINING),
        ("training", AFTER_TRAINING),
        ("network", AFTER_TRAINING),
        ("deployment", AFTER_TRAINING),
        ("unlearning", AFTER_TRAINING - {"train"}),
        ("evaluation", {"probe", "judge"}),
    ],
)
def test_a_study_is_rekeyed_from_where_its_machinery_changed(monkeypatch: pytest.MonkeyPatch, room: Any, verbs: Any) -> None:
    """A mended training loop left the results of the faulty one in use."""
    some, _ = rekeyed(monkeypatch, ROOMS, room)
    assert some == verbs


def test_another_rounding_rule_rekeys_what_is_rounded_and_no_training_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the trainings, only a method that trains through rounded weights."""
    some, whole = rekeyed(monkeypatch, ROOMS, "quantization")
    assert some == {"unlearn", "quantize", "predict", "noise", "probe", "judge"}
    assert whole == {"quantize", "noise", "probe"} | ({"judge"} if "judge" in whole else set())


def test_training_through_rounded_weights_rests_on_their_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    some, _ = rekeyed(monkeypatch, ROOMS, "quantization", fit={"bits": 4})
    assert "train" in some


@pytest.mark.parametrize(("net", "rekeyed_too"), [("tiny_cnn", False), ("timm/vit_tiny_patch16_224", True), ("a/my_net.py:Net", True)])
def test_nets_that_may_have_attention_are_rekeyed_when_its_training_changes(
    monkeypatch: pytest.MonkeyPatch, net: str, rekeyed_too: bool
) -> None:
    before = versions.step_key("train", model={"name": net}, seed=0)
    monkeypatch.setattr(versions, "ATTENTION", versions.ATTENTION + 1)
    assert (versions.step_key("train", model={"name": net}, seed=0) != before) == rekeyed_too


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_that_changes_rekeys_its_own_steps(monkeypatch: pytest.MonkeyPatch, verb: Any) -> None:
    some, whole = rekeyed(monkeypatch, VERBS, verb)
    assert verb in some & whole


def test_versions_of_one_leave_the_keys_of_earlier_results_as_they_were() -> None:
    from canforget.spec import key_of

    assert versions.step_key("split", seed=0) == key_of("split", seed=0)


def test_every_verb_says_what_it_rests_on() -> None:
    assert RESTS_ON.keys() == VERBS.keys() | {"images"}
    assert {room for rooms in RESTS_ON.values() for room in rooms} == ROOMS.keys() - {"auditing"}
