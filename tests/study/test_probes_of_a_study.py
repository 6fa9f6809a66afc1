"""Probes from recipe to record: planned once a model, shared by all rows, kept, and not asked where they cannot be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.study.definition import from_toml
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.schedule import Outcome
from canforget.study.store import Store
from tests.narrowed import present

RECIPE = """
datasets = "digits"
models = "tiny_cnn"
scenarios = "whole_class:classes=3"
unlearners = ["destroyed", "head_mask"]
quantizers = ["none", "int:bits=8"]
probes = [
  {name = "relearning", counts = [5], mixes = ["blank_head"], steps = 3, images = 20},
  "recovery_radius:images=4,steps=2,searches=1", "interpolation:pieces=2,images=10", "weight_noise:draws=1,images=10", "code_flips",
]
seeds = 2
fit = {epochs = 2}
judged_retain = 200
"""


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("probed")
    (folder / "study.toml").write_text(RECIPE)
    drawn = plan(from_toml(folder / "study.toml"))
    records = run(drawn, Store(folder / "store"))
    return drawn, folder / "store", {(r.case.unlearner, r.case.quantizer, r.case.seed): r for r in records}


def test_a_probe_of_a_model_is_one_step_whoever_is_compared_with_it(probed: Any) -> None:
    """Four models of two seeds in two formats: interpolation in float32 only, code flips of three models in int8 only."""
    steps = [s.what["probe"]["name"] for s in probed[0].steps if s.verb == "probe"]
    expected = {"relearning": 16, "recovery_radius": 16, "weight_noise": 16, "interpolation": 8, "code_flips": 6}
    assert {name: steps.count(name) for name in expected} == expected


def test_a_record_has_the_model_beside_the_original_and_the_excess_over_retrained_ones(probed: Any) -> None:
    values = probed[2]["head_mask", "none", 0].values
    name = "relearning.blank_head_5.accuracy_at_3"
    assert present(values[name].value) == present(values[f"{name}_original"].value), "below the mask it is the original"
    assert values[f"{name}_excess"].interval is not None
    assert values["relearning.cost.trained_images"].value == 3 * 64
    assert 0 <= present(values["interpolation.return_at"].value) <= 1
    assert values["weight_noise.gap.margin_at_0.1_excess"].n == 2
    assert not any(n.startswith("code_flips") for n in values)
    assert {"probe relearning:mixes=blank_head", "probe recovery_radius"} & probed[2]["head_mask", "none", 0].seconds.keys()


def test_what_cannot_be_asked_of_a_format_says_why(probed: Any) -> None:
    values = probed[2]["destroyed", "int:bits=8", 1].values
    assert "which int:bits=8 has not" in values["interpolation"].not_run
    assert values["recovery_radius.forget.radius"].n == 4
    assert "code_flips.flip_rate_own" in values


def test_run_again_nothing_is_computed_and_a_lost_probe_alone_is(probed: Any) -> None:
    drawn, store, records = probed
    seen: list[Outcome] = []
    assert run(drawn, Store(store), notify=seen.append) == list(records.values())
    assert all(outcome.status != "done" for outcome in seen)
    lost = next(s for s in drawn.steps if s.verb == "probe")
    (Store(store).folder(*lost.name) / "probe.json").unlink()
    seen.clear()
    again = run(drawn, Store(store), notify=seen.append)
    assert [r.values for r in again] == [r.values for r in records.values()]


def test_keys_do_not_hold_where_things_lie_and_probes_change_no_other_key(tmp_path: Path) -> None:
    keys = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"{place}.toml").write_text(RECIPE)
        keys.append({s.name for s in plan(from_toml(tmp_path / place / f"{place}.toml")).steps})
    assert keys[0] == keys[1]
    bare = plan(replace(from_toml(tmp_path / "a" / "a.toml"), probes=()))
    assert {s.name for s in bare.steps if s.verb != "judge"} == {n for n in keys[0] if n[0] not in ("judge", "probe")}
