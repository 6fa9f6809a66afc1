"""Controls: each has an answer, and it is said when the answer was another."""

from dataclasses import replace
from typing import Any

import pytest

from canforget.report.controls import ControlOutcome, control_outcomes, controls_text
from canforget.report.judgment import with_verdicts
from canforget.report.record import Measured, Record
from tests.narrowed import present
from tests.report.test_judgment import record, study

CKA = {"forget__linear_cka": 0.8}


def outcomes(unlearner: str, quantizer: str = "none", seeds: int = 3, **changes: Any) -> list[ControlOutcome]:
    """What is said of a control with `changes` to what retraining gives, in a study with original and retrained models."""
    others = [r for q in dict.fromkeys(("none", quantizer)) for r in study(seeds, (q,)) if r.case.unlearner != "scrub"]
    others = [
        replace(r, values=r.values | {"forget.linear_cka": Measured((0.8 if r.case.unlearner == "retrain" else 1.0) + 0.001 * r.case.seed)})
        for r in others
    ]
    own = [record(unlearner, s, quantizer, **CKA | changes) for s in range(seeds)]
    return control_outcomes(with_verdicts([*others, *own]))


@pytest.mark.parametrize(
    ("control", "changes", "behaved"),
    [
        ("leaky_retrain", {"forget__accuracy": 0.5}, True),
        ("leaky_retrain", {}, False),
        ("destroyed", {"retain__accuracy": 0.1}, True),
        ("destroyed", {"forget__accuracy": 0.5}, False),
        ("relabelled", {"membership__phi": 0.3}, True),
        ("relabelled", {"membership__phi": 0.7}, True),
        ("relabelled", {}, False),
        ("head_mask", {"forget__linear_cka": 1.0}, True),
        ("head_distillation", {"forget__linear_cka": 1.0}, True),
        ("head_distillation", {"forget__accuracy": 0.9}, False),
    ],
)
def test_a_control_behaves_where_it_is_judged_as_it_must_be(control: str, changes: Any, behaved: bool) -> None:
    """The last: a head that answers wrongly is seen, but not in its features."""
    (found,) = outcomes(control, **changes)
    assert found.behaved is behaved


@pytest.mark.parametrize(("membership", "behaved"), [(0.3, True), (0.7, False)])
def test_relabelled_is_over_forgotten_where_retraining_answers_what_is_forgotten(membership: float, behaved: bool) -> None:
    """Where it never does, as above, no answer is further off than retraining's: there what is left in the features is the right word."""
    records = [*study(), *(record("relabelled", s, membership__phi=membership) for s in range(3))]
    elsewhere = [
        replace(
            r,
            case=replace(r.case, scenario="random_samples:fraction=0.1"),
            values=r.values | {"forget.accuracy": Measured(r.values["forget.accuracy"].value if r.case.unlearner == "nothing" else 0.8)},
        )
        for r in records
        if r.case.unlearner != "scrub"
    ]
    (found,) = control_outcomes(with_verdicts(elsewhere))
    assert (found.expected, found.behaved) == ("over-forgotten", behaved)


def test_what_is_no_control_has_no_outcome() -> None:
    """`bounded_update` is graded by its dose, and has no one answer."""
    assert outcomes("scrub") == outcomes("bounded_update") == []
    assert controls_text([]) == ""


def test_a_control_that_was_not_run_did_not_behave() -> None:
    records = [replace(record("destroyed", 0), values={}, not_run="unlearn failed: no head"), *study()]
    assert controls_text(control_outcomes(with_verdicts(records))) == (
        "controls: 0 of 1 behaved; destroyed was called not run: unlearn failed: no head"
    )


def cells(seeds: int = 3, back: float = 0.5, noise: float | None = None, share: float = 1.0, **other: Any) -> list[ControlOutcome]:
    """What is said of weights that stayed in the cells of int4, of which rounding brings `back` so much."""
    call = {"name": "within_rounding_cells", "parameters": {"bits": 4, "share": share}}
    format_ = {"name": "int", "parameters": {"bits": 4, **other}}
    records: list[Record] = []
    for r in study(seeds, ("int:bits=4",)):
        own = r.case.unlearner == "scrub"
        values = r.values | {"recovery.accuracy_rebound": Measured((back if own else 0.0) + 0.001 * r.case.seed * (2 if own else 1))}
        if noise is not None:
            moved = present(values["recovery.accuracy_rebound"].value)
            values["recovery.accuracy_beside_noise"] = Measured(moved - (noise if own else 0.0))
        label = replace(r.case, unlearner="within_rounding_cells") if own else r.case
        records.append(
            replace(
                r, case=label, values=values, hyperparameters={"unlearner": call, "quantizer": format_} if own else {"quantizer": format_}
            )
        )
    return control_outcomes(with_verdicts(records))


def test_what_stays_within_the_cells_must_come_back() -> None:
    assert cells()[0].found.startswith("recovered: excess rebound of the accuracy +0.5")
    assert cells()[0].behaved
    assert not cells(back=0.0)[0].behaved


def test_noise_that_moves_it_as_far_is_no_recovery() -> None:
    """The rule of a claim holds for the control, too."""
    assert cells(noise=0.05)[0].behaved
    assert not cells(noise=0.5)[0].behaved


def test_one_seed_of_a_recovery_decides_nothing() -> None:
    (found,) = cells(seeds=1)
    assert (found.behaved, found.found) == (False, "inconclusive: recovery needs two seeds")


def test_a_share_of_the_layers_has_no_one_answer() -> None:
    assert cells(share=0.5) == []


@pytest.mark.parametrize(
    ("name", "value"), [("symmetric", False), ("ranges", "mse"), ("granularity", "per_tensor"), ("rounding", "gptq"), ("full_range", True)]
)
def test_a_neighbor_of_as_many_bits_need_not_bring_anything_back(name: str, value: Any) -> None:
    """A study of neighbors once counted their silence as a control that misbehaved."""
    assert cells(**{name: value}) == []


def test_the_rounding_spelled_out_is_that_rounding() -> None:
    assert cells(symmetric=True, ranges="minmax", activations=0)[0].behaved


def test_controls_are_counted_for_each_scenario_and_the_odd_ones_named() -> None:
    found = [
        ControlOutcome(("d", "m", scenario), control, "none", "residual", word, word == "residual")
        for scenario in ("one", "two")
        for control, word in (("leaky_retrain", "residual"), ("relabelled", "inconclusive: why"))
    ]
    assert controls_text(found).splitlines() == [
        f"controls (d · m · {s}): 1 of 2 behaved; relabelled was called inconclusive: why" for s in ("one", "two")
    ]
