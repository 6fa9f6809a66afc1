"""The answer in words says what the records' verdicts say, of every unlearner and format, and no more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.report.answer import KEPT, LOST, MEMORY, UTILITY, Answer, Statement, answers
from canforget.report.judgment import with_verdicts
from canforget.report.measurement import Measurement
from canforget.report.record import Label, Measured, Record, load_records
from canforget.report.verdict import WEAKER, utility_gate
from canforget.report.wording import MEANING, MORE_MEMORY, VALUE_WORDS
from tests.report.test_judgment import study

PUBLISHED = Path(__file__).parents[2] / "results"


def answered(**changes: Any) -> Answer:
    (found,) = answers(with_verdicts(study(**changes)))
    return found


def said_of(found: Answer, format_: str = "float32") -> Statement:
    return next(s for s in found.statements if s.format == format_)


@pytest.mark.parametrize(
    ("changes", "word", "gates"),
    [
        ({}, "consistent with retraining", ["yes", "yes", "yes"]),
        ({"forget__accuracy": 0.3}, "residual", ["yes", "yes", "no"]),
        ({"retain__accuracy": 0.5}, "utility lost", ["not asked", "no", "not known"]),
    ],
)
def test_a_statement_holds_the_verdict_and_its_gates(changes: Any, word: str, gates: list[str]) -> None:
    found = said_of(answered(**changes))
    assert (found.word, [g.state for g in found.gates]) == (word, gates)
    assert MEANING[word] in found.sentence
    assert found.sure.startswith("3 seeds")


def test_where_there_was_nothing_to_lose_the_first_gate_says_so() -> None:
    records = [
        replace(r, values=r.values | {n: Measured(v) for n, v in (("forget.accuracy", 0.0), ("membership.phi", 0.5))})
        for r in study()
        if r.case.unlearner != "nothing"
    ]
    originals = [replace(r, case=replace(r.case, unlearner="nothing")) for r in records if r.case.unlearner == "retrain"]
    (found,) = answers(with_verdicts([*records, *originals]))
    gate = next(g for g in said_of(found).gates if g.name == MEMORY)
    assert (gate.state, gate.said.endswith(f"; {MORE_MEMORY}")) == ("no", True)
    assert f"At float32 there was too little memory to lose: {MORE_MEMORY}." in found.summary
    assert MORE_MEMORY in said_of(found).sure
    assert MORE_MEMORY not in answered().summary


def test_being_useful_is_no_reason_for_being_like_retraining() -> None:
    """What is closest to accusing an acquitted model is the reason, among tests of memory: "like retraining: utility is kept" told nothing."""
    found = said_of(answered())
    assert found.word == "consistent with retraining"
    assert LOST not in found.because and KEPT not in found.because
    assert found.because.startswith((VALUE_WORDS["forget.accuracy"], VALUE_WORDS["membership.phi"]))


def test_what_could_only_have_accused_is_told_beside_an_acquittal_and_is_no_part_of_utility() -> None:
    """Prototypes that vary over retrained models by more than their margin."""
    spread = {"retrain": [0.62, 0.70, 0.66], "scrub": [0.70, 0.63, 0.65], "nothing": [0.99, 1.0, 0.98]}
    records = [
        replace(r, values=r.values | {"nearest_prototype.accuracy_20_shots": Measured(spread[r.case.unlearner][r.case.seed])})
        for r in study()
    ]
    (found,) = answers(with_verdicts(records))
    statement = said_of(found)
    assert statement.word == "consistent with retraining"
    assert "could only have accused, and did not" in statement.sure
    assert "seeds of each" not in next(g.said for g in statement.gates if g.name == UTILITY)


def test_every_word_of_a_verdict_has_a_meaning() -> None:
    assert set(MEANING) == set(WEAKER)


def test_the_words_by_which_the_utility_gate_is_read_are_those_that_it_says() -> None:
    for unlearned, said in ((0.9, KEPT), (0.1, LOST)):
        values = [unlearned, unlearned + 0.001, unlearned - 0.001]
        assert utility_gate(Measurement("u", values, [0.9, 0.901, 0.899], margin=0.02)).reason.startswith(said)


def test_the_summary_counts_formats_apart_and_leaves_controls_out() -> None:
    changes: Any = {"int:bits=4": {"forget__accuracy": 0.4}, "none": {}}
    records = study(3, ("none", "int:bits=4"), **changes)
    control = [replace(r, case=replace(r.case, unlearner="destroyed")) for r in records if r.case.unlearner == "scrub"]
    (found,) = answers(with_verdicts([*records, *control]))
    assert "Before rounding, 1 of 1 unlearned model is consistent with retraining: scrub." in found.summary
    assert "none of 1 unlearned model and format is consistent with retraining (1 residual)" in found.summary
    assert list(found.by_unlearner()) == ["scrub", "destroyed"]
    assert [line.split(":")[0].strip() for line in found.lines()[1:]] == ["scrub"]


def test_what_was_not_run_says_why() -> None:
    broken = Record(Label("d", "m", "whole_class:classes=3", "ssd", "none", 0), not_run="unlearn failed: nothing selected")
    (found,) = answers(with_verdicts([*study(), broken]))
    said = next(s for s in found.statements if s.unlearner == "ssd")
    assert (said.word, said.sentence) == ("not run", "ssd at float32 not run: seed 0: unlearn failed: nothing selected")


def test_records_without_verdicts_are_said_to_have_none() -> None:
    (found,) = answers(study())
    assert said_of(found).word == "no verdict"


def test_published_studies_are_answered_case_by_case() -> None:
    records = load_records(PUBLISHED / "recovery_strength")
    (found,) = answers(records)
    assert len(found.statements) == len({(r.case.unlearner, r.case.quantizer) for r in records if r.verdict is not None or r.not_run})
    assert all(g.said for s in found.statements for g in s.gates)
    assert {g.name for s in found.statements for g in s.gates if g.state == "yes"} >= {MEMORY, UTILITY}
