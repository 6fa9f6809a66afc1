from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.report.record import Label, Measured, Record, RecordedVerdict
from canforget.report.table import COLUMNS, blocks, columns_of, heads, table_text


def record(unlearner: Any, seed: Any = 0, quantizer: Any = "none", accuracy: Any = 0.9, **changes: Any) -> Any:
    return Record(Label("digits", "tiny_cnn", "whole", unlearner, quantizer, seed), {"test.accuracy": Measured(accuracy)}, **changes)


def test_the_retrained_model_comes_first_and_the_original_second() -> None:
    rows = blocks([record("scrub"), record("nothing"), record("retrain")], COLUMNS)[0].rows
    assert [r[0] for r in rows] == ["retrained", "original", "scrub"]


def test_columns_are_aligned() -> None:
    lines = table_text([record("scrub"), record("neggrad_plus", accuracy=1.0)], wide=True).split("\n")
    assert len(lines[1]) == len(lines[2]) == len(lines[3])


def test_seeds_become_a_mean_with_its_interval() -> None:
    assert "90.0 ± 0.0" in table_text([record("scrub", 0), record("scrub", 1)])


def test_what_was_not_run_shows_its_reason() -> None:
    assert "not run: forgets whole classes only" in table_text([record("scrub"), record("unsir", not_run="forgets whole classes only")])


def test_every_data_set_has_its_own_block() -> None:
    other = Record(Label("cifar10", "tiny_cnn", "whole", "scrub", "none", 0))
    assert len(blocks([record("scrub"), other], COLUMNS)) == 2


def test_the_verdict_stands_in_the_last_column_and_only_where_there_is_one() -> None:
    ruled = [record("scrub", verdict=RecordedVerdict("residual", "forget.accuracy", "+0.300 from retraining", 3)), record("retrain")]
    rows = blocks(ruled, COLUMNS)[0].rows
    assert [(r[0], r[-1]) for r in rows] == [("retrained", "–"), ("scrub", "residual")]
    assert len(heads(COLUMNS)) == len(rows[0])


def test_the_first_word_of_several_values_names_them_all_but_for_what_was_nowhere_measured() -> None:
    values = {"probe.flip_rate_own": Measured(0.1), "probe.left": Measured(not_run="no codes"), "test.loss": Measured(0.5)}
    found = columns_of([Record(Label("digits", "tiny_cnn", "whole", "scrub", "none", 0), values)], ["test.loss", "probe"])
    assert [(c.title, c.name) for c in found] == [("test.loss", "test.loss"), ("flip rate own", "probe.flip_rate_own")]


def test_wanted_columns_take_the_place_of_the_usual_ones() -> None:
    shown = table_text([record("scrub")], ["test.accuracy"])
    assert "test.accuracy" in shown and "forget set" not in shown


def test_a_column_that_no_record_has_is_a_mistake() -> None:
    with pytest.raises(SpecError, match="no value 'tset.accuracy' in these records; did you mean 'test.accuracy'"):
        columns_of([record("scrub")], ["tset.accuracy"])


def test_a_table_for_a_terminal_takes_all_of_test_where_no_class_was_set_apart() -> None:
    """A row of dashes says nothing of utility."""
    assert "test, retained" not in table_text([record("scrub")])
    apart = Record(Label("digits", "tiny_cnn", "whole", "scrub", "none", 0), {"test_retain.accuracy": Measured(0.8)})
    assert "test, retained" in table_text([apart]) and "80.0" in table_text([apart])


def test_the_column_of_membership_is_what_the_verdict_goes_by() -> None:
    """A matched AUC stood beside a verdict by the calibrated one."""
    values = {"membership.phi": Measured(0.61), "calibrated_membership.auc": Measured(0.73)}
    found = [Record(Label("digits", "tiny_cnn", "ids:file=x", name, "none", 0), values) for name in ("retrain", "nothing")]
    for wide in (False, True):
        text = table_text(found, wide=wide)
        assert "calibrated AUC" in text
        assert ".730" in text
        assert ".610" not in text
    bare = [Record(r.case, {"membership.phi": Measured(0.61)}) for r in found]
    assert ".610" in table_text(bare)
    assert "calibrated AUC" not in table_text(bare)


def test_the_title_says_whether_every_seed_has_a_forget_set_of_its_own() -> None:
    """An interval over seeds of one forget set says nothing of others."""
    for worlds, said in ((True, "2 seeds, each with a forget set of its own"), (False, "2 seeds")):
        found = [
            Record(Label("digits", "tiny_cnn", "randomized_inclusion:count=9", "retrain", "none", seed), {"test.accuracy": Measured(0.9)},
                   hyperparameters={"worlds": worlds})
            for seed in (0, 1)
        ]  # fmt: skip
        assert blocks(found, COLUMNS)[0].title.endswith(f" · {said}")
