from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.progress import noting
from canforget.study.definition import Study
from canforget.study.measured_costs import CostBook
from canforget.study.miniature import carry_out_small, fewer, shorter
from canforget.study.outlook import outlook
from canforget.study.plan import Plan, plan
from canforget.study.schedule import Job
from canforget.study.step_profile import profile_of
from canforget.study.store import Store


def measured(drawn: Plan, root: Path) -> CostBook:
    """One step of each kind in miniature."""
    whats = {s.name: s.what for s in drawn.steps}
    kinds = {p.kind: s for s in drawn.steps if (p := profile_of(s.name, whats))}
    return CostBook(carry_out_small({s.name: s for s in drawn.steps}, kinds.values(), Job(root, None, "cpu", threads=1)))


def test_every_kind_of_step_is_known_once_one_of_it_was_carried_out_on_few_images(done: Any, tmp_path: Path) -> None:
    """All verbs, with weight noise and probes; the store of the study is left alone."""
    drawn, _, _ = done
    lines: list[str] = []
    with noting(lines.append):
        found = measured(drawn, tmp_path / "store")
    assert lines == []
    assert not (tmp_path / "store").exists()
    about = outlook(drawn, drawn.steps, found, 1).to_json()
    assert about["basis"] == {"miniature": len(drawn.steps)}
    trained = [m for m in found.steps if m.profile.verb == "train"]
    assert len({m.profile.images for m in trained}) == 2, "two sizes, for what an image costs and what the rest does"
    assert all(m.profile.images < 1400 for m in trained)
    assert all(m.seconds > 0 and m.miniature for m in found.steps)


def test_a_step_that_cannot_be_carried_out_on_few_images_is_named_and_stays_unknown(tmp_path: Path) -> None:
    given = {"datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": ["finetune:fit.lr=1e30"]}
    drawn = plan(Study.of(**given, fit={"epochs": 1}))
    lines: list[str] = []
    with noting(lines.append):
        found = measured(drawn, tmp_path)
    assert len(lines) == 1 and "not carried out on few images: diverged" in lines[0]
    assert outlook(drawn, drawn.steps, found, 1).to_json()["unknown"] == {"unlearn finetune": 1}
    assert Store(tmp_path).artifacts() == []


def test_fewer_images_keep_the_calibration_set_within_the_retain_set_and_parts_within_the_test_set() -> None:
    ids = numpy.arange(1000)
    whole = {
        "forget": ids[:100], "retain": ids[100:500], "calibration": ids[450:480], "judged_retain": ids[100:300], "val": ids[500:505],
        "test": ids[600:], "test_forget": ids[600:640], "test_retain": ids[640:], "held_out": ids[:0],
    }  # fmt: skip
    small = fewer(whole, 0.1)
    assert {n: len(small[n]) for n in ("forget", "val", "test", "held_out")} == {"forget": 16, "val": 5, "test": 40, "held_out": 0}
    assert set(small["calibration"]) == set(whole["calibration"]) <= set(small["retain"])
    assert set(small["judged_retain"]) <= set(small["retain"])
    assert len(small["test_forget"]) + len(small["test_retain"]) == len(small["test"])
    assert all(set(small[name]) <= set(whole[name]) for name in whole)


@pytest.mark.parametrize(("given", "epochs"), [("scrub:fit.epochs=5,max_epochs=2", 1), ("finetune:fit.epochs=7", 1)])
def test_a_shorter_step_has_one_epoch_and_whatever_else_it_had(given: str, epochs: int) -> None:
    from canforget.spec import parse

    what = {"unlearner": parse("unlearners", given).to_json(), "seed": 3}
    found = shorter(what, 2)
    assert found["unlearner"]["parameters"]["fit"]["epochs"] == epochs
    assert found["seed"] == 3
    assert shorter({"draws": 20}, 2) == {"draws": 2}
