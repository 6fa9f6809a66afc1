"""A case in depth: every seed's values where there is room, and a command that plans the very same steps."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.cli.options import study_of
from canforget.report.page import case_views as room
from canforget.report.page.case_views import case_views, shared_views
from canforget.report.record import Label, over_seeds
from canforget.study.definition import Study
from canforget.study.plan import plan
from tests.report.test_judgment import study


def test_every_seed_has_its_column_where_there_is_room() -> None:
    case = case_views(over_seeds(study(2)))[0]
    assert case.head == ("value", "seed 0", "seed 1")
    assert ("retain.accuracy", "0.99", "0.991") in case.rows


def test_of_many_cases_means_are_held_and_of_very_many_only_what_the_table_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FULL_UP_TO", 10)
    groups = over_seeds(study(2))
    assert case_views(groups)[0].head == ("value", "mean over seeds")
    monkeypatch.setattr(room, "MEANS_UP_TO", 3)
    assert case_views(groups)[0].rows == ()
    assert "canforget show" in case_views(groups)[0].note


def flags_of(command: str) -> dict[str, list[str]]:
    """The values of every flag of a command."""
    found: dict[str, list[str]] = {}
    words, flag = shlex.split(command)[2:], ""
    for word in words:
        if word.startswith("--"):
            flag = word[2:]
            found[flag] = []
        else:
            found[flag].append(word)
    return found


def test_the_command_of_a_case_plans_the_steps_that_made_it() -> None:
    """A command that left a setting out would make another model."""
    given: Any = {"datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": "scrub", "seeds": 2}
    planned = plan(Study.of(**given, quantizers=["none", "int:bits=4"], fit={"epochs": 2, "lr": 0.05}, val_fraction=0.15, calibration=64))
    records = [
        replace(r, case=Label(*c.labels),
                hyperparameters=dict(c.hyperparameters), steps={role: key for role, (_, key) in c.steps.items()}, values={})
        for r, c in zip(study(12), planned.cases, strict=False)
    ]  # fmt: skip
    groups = over_seeds(records)
    case = next(c for c in case_views(groups) if c.combination.unlearner.name == "scrub" and c.combination.rounded)
    flags = flags_of(case.command)
    settings, axes = flags.pop("set"), dict(flags)
    again = plan(study_of(None, axes, settings))
    made = {c.labels: c.steps for c in again.cases}
    for record in groups[case.combination]:
        steps = made[tuple(vars(record.case).values())]
        assert {role: steps[role][1] for role in ("train", "unlearn", "quantize")} == {
            role: record.steps[role] for role in ("train", "unlearn", "quantize")
        }


def test_what_cases_share_is_said_once() -> None:
    records = [replace(r, versions={"torch": "2"}, conditions={"device": "cpu"}, data={"counts": {"forget": 9}}) for r in study(2)]
    (shared,) = shared_views(over_seeds(records))
    facts = dict(shared.facts)
    assert facts["versions"] == "torch 2"
    assert facts["images"] == "forget 9"
    assert facts["data set"] == "d: no hyperparameters"


def test_names_with_spaces_and_quotes_stay_one_word_of_the_command(tmp_path: Path) -> None:
    odd = "a b'; rm -rf x\n"
    records = [replace(r, case=replace(r.case, unlearner=odd if r.case.unlearner == "scrub" else r.case.unlearner)) for r in study(1)]
    case = case_views(over_seeds(records))[-1]
    assert flags_of(case.command)["unlearners"] == ["a b'; rm -rf x"]
