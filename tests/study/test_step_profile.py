from collections.abc import Mapping
from typing import Any

import pytest

from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.study.step_profile import Profile, profile_of


def drawn(**changes: Any) -> Plan:
    given = {
        "datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": ["scrub", "ssd"], "quantizers": ["none", "int"],
        "fit": {"epochs": 2}, "seeds": 2,
    }  # fmt: skip
    return plan(Study.of(**given | changes))


def profiles(found: Plan, verb: str) -> dict[str, Profile]:
    whats: dict[tuple[str, str], Mapping[str, Any]] = {s.name: s.what for s in found.steps}
    return {s.label: p for s in found.steps if s.verb == verb and (p := profile_of(s.name, whats))}


def test_steps_that_differ_in_their_seed_alone_are_twins_whatever_they_were_made_from() -> None:
    found = drawn()
    assert len(profiles(found, "unlearn")) == 4
    assert len({p.twin for p in profiles(found, "unlearn").values()}) == 2
    trained = profiles(found, "train")
    assert len(trained) == 4 and len({p.kind for p in trained.values()}) == 1
    predicted = profiles(found, "predict")
    assert len(predicted) == 16
    assert len({p.twin for p in predicted.values()}) == 2, "float and int8; who unlearned does not matter"


def test_every_step_of_a_study_has_a_profile() -> None:
    found = drawn(probes=True, noise_draws=19, quantizers=["none", "int:bits=4"])
    whats = {s.name: s.what for s in found.steps}
    assert {s.verb for s in found.steps} == {"split", "train", "unlearn", "quantize", "predict", "noise", "probe", "judge"}
    assert all(profile_of(s.name, whats) for s in found.steps)


@pytest.mark.parametrize(("change", "alike"), [
    ({"fit": {"epochs": 5}}, True), ({"fit": {"epochs": 2, "lr": 0.01}}, True), ({"fit": {"epochs": 2, "batch_size": 32}}, False),
    ({"models": "tiny_cnn:width=8"}, False), ({"scenarios": "random_samples:fraction=0.3"}, True),
])  # fmt: skip
def test_what_costs_nothing_leaves_the_kind_and_what_costs_changes_it(change: dict[str, Any], alike: bool) -> None:
    kinds = [{p.kind for p in profiles(f, "train").values()} for f in (drawn(), drawn(**change))]
    assert (kinds[0] == kinds[1]) is alike


def test_the_size_of_a_training_is_its_images_times_its_epochs() -> None:
    once, thrice = (profiles(drawn(fit={"epochs": n}), "train") for n in (1, 3))
    label = "train original tiny_cnn on digits (seed 0)"
    counts = next(s.what["counts"] for s in drawn().steps if s.verb == "split")
    assert once[label].images == counts["forget"] + counts["retain"]
    assert thrice[label].images == 3 * once[label].images
    assert once[label].images > once["train retrained tiny_cnn on digits (seed 0)"].images == counts["retain"]


def test_a_step_whose_inputs_are_unknown_has_no_profile() -> None:
    """A store from which something was removed."""
    found = drawn()
    predicted = next(s for s in found.steps if s.verb == "predict")
    whats = {s.name: s.what for s in found.steps}
    assert profile_of(predicted.name, whats)
    for verb in ("train", "split"):
        assert profile_of(predicted.name, {name: what for name, what in whats.items() if name[0] != verb}) is None
    assert profile_of(("train", "unheard"), whats) is None
