from typing import Any

import pytest

from canforget.study.definition import Study
from canforget.study.measured_costs import CostBook, MeasuredStep, measured_in
from canforget.study.outlook import outlook
from canforget.study.plan import Plan, plan
from canforget.study.step_profile import profile_of

SECONDS = {"split": 1.0, "train": 60.0, "unlearn": 10.0, "quantize": 2.0, "predict": 4.0, "judge": 0.5}


@pytest.fixture(scope="module")
def drawn() -> Plan:
    """Two seeds, one unlearner, two formats: 6 models of which 2 retrained."""
    return plan(
        Study.of(
            datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="ssd", quantizers=["none", "int"], seeds=2
        )
    )


def book(drawn: Plan, *left_out: str) -> CostBook:
    """Steps of other seeds that took what `SECONDS` says, twice as long as their processor's seconds."""
    whats = {s.name: s.what for s in drawn.steps}
    found = [(s, profile_of(s.name, whats)) for s in drawn.steps if s.verb not in left_out]
    return CostBook([MeasuredStep(p, SECONDS[s.verb], SECONDS[s.verb] / 2, 1e6, 7e8, ("cpu", "chip", 1)) for s, p in found if p])


def test_one_worker_takes_the_sum_and_more_take_less_down_to_the_critical_path(drawn: Plan) -> None:
    total = sum(SECONDS[s.verb] for s in drawn.steps)
    one, many = (outlook(drawn, drawn.steps, book(drawn), w).to_json() for w in (1, 64))
    assert one["seconds"] == one["worker_seconds"] == many["worker_seconds"] == pytest.approx(total)
    longest = 1 + 60 + 10 + 2 + 4 + 0.5
    assert many["seconds"] == many["at_least_seconds"] == many["critical_path"]["seconds"] == pytest.approx(longest)
    assert [s["seconds"] for s in many["critical_path"]["steps"]] == [1, 60, 10, 2, 4, 0.5]
    assert one["idle_seconds"] == pytest.approx(total / 2) == one["cpu_seconds"]
    assert one["busy"] == pytest.approx(2)
    assert one["bytes"] == 1e6 * len(drawn.steps)
    assert one["peak_bytes"] == 7e8
    assert one["basis"] == {"twin": len(drawn.steps)}
    assert one["curve"][0] == {"workers": 1, "seconds": pytest.approx(total), "speed_up": pytest.approx(1)}


def test_what_dominates_is_told_by_verb_and_by_component(drawn: Plan) -> None:
    found = outlook(drawn, drawn.steps, book(drawn), 2).to_json()
    assert next(iter(found["by_verb"].items())) == ("train", 240.0)
    assert next(iter(found["by_member"].items())) == ("train tiny_cnn", 240.0)
    assert found["by_member"]["unlearn ssd"] == 20.0


def test_only_what_is_still_to_do_counts(drawn: Plan) -> None:
    todo = [s for s in drawn.steps if s.verb == "judge"]
    assert outlook(drawn, todo, book(drawn), 1).to_json()["seconds"] == pytest.approx(0.5 * len(todo))
    nothing = outlook(drawn, [], book(drawn), 4).to_json()
    assert nothing["seconds"] == nothing["steps"] == 0


def test_what_is_unknown_is_named_and_counts_as_nothing(drawn: Plan) -> None:
    found = outlook(drawn, drawn.steps, book(drawn, "unlearn", "judge"), 1).to_json()
    judged = sum(s.verb == "judge" for s in drawn.steps)
    assert found["unknown"] == {"unlearn ssd": 2, "judge metrics and audits": judged}
    assert found["basis"]["unknown"] == 2 + judged


def test_seconds_of_a_gpu_are_unknown_unless_measured_or_taken_from_a_speed_up(drawn: Plan) -> None:
    found = outlook(drawn, drawn.steps, book(drawn), 4, gpus=2).to_json()
    assert {w.split()[0] for w in found["unknown"]} == {"train", "unlearn", "quantize", "predict"}
    assumed = outlook(drawn, drawn.steps, book(drawn), 4, gpus=2, gpu_speed_up=10.0).to_json()
    asked = sum(SECONDS[s.verb] for s in drawn.steps if s.verb not in ("split", "judge"))
    assert assumed["gpu_seconds"] == pytest.approx(asked / 10)
    assert not assumed["unknown"]
    assert assumed["basis"].keys() == {"assumed", "twin"}


def test_steps_that_took_place_are_told_with_the_error_of_their_estimates(done: Any) -> None:
    drawn, store, _ = done
    found = outlook(drawn, drawn.steps, CostBook(measured_in(store)), 2).to_json()
    assert found["basis"] == {"twin": len(drawn.steps)}
    assert found["checked"]["steps"] + found["checked"]["alone"] == len(drawn.steps)
    assert found["checked"]["median_error"] < 1
    assert found["checked"]["ratio"] == pytest.approx(1, abs=0.9)
    seconds = {name: store.provenance(*name)["conditions"]["seconds"] for name in (s.name for s in drawn.steps)}
    assert found["worker_seconds"] == pytest.approx(sum(seconds.values()), rel=0.9)
