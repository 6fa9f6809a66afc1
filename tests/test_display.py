from canforget.display import blocks, heads, text
from canforget.results import Label, Measured, Record, Ruling


def record(unlearner, seed=0, quantizer="none", accuracy=0.9, **changes):
    return Record(Label("digits", "tiny_cnn", "whole", unlearner, quantizer, seed), {"test.accuracy": Measured(accuracy)}, **changes)


def test_the_retrained_model_comes_first_and_the_original_second():
    rows = blocks([record("scrub"), record("nothing"), record("retrain")])[0].rows
    assert [r[0] for r in rows] == ["retrained", "original", "scrub"]


def test_columns_are_aligned():
    lines = text([record("scrub"), record("neggrad_plus", accuracy=1.0)]).split("\n")
    assert len(lines[1]) == len(lines[2]) == len(lines[3])


def test_seeds_become_a_mean_with_its_interval():
    assert "90.0 ± 0.0" in text([record("scrub", 0), record("scrub", 1)])


def test_what_was_not_run_shows_its_reason():
    assert "not run: forgets whole classes only" in text([record("scrub"), record("unsir", not_run="forgets whole classes only")])


def test_every_data_set_has_its_own_block():
    other = Record(Label("cifar10", "tiny_cnn", "whole", "scrub", "none", 0))
    assert len(blocks([record("scrub"), other])) == 2


def test_the_verdict_stands_in_the_last_column_and_only_where_there_is_one():
    ruled = [record("scrub", verdict=Ruling("residual", "forget.accuracy", "+0.300 from retraining", 3)), record("retrain")]
    rows = blocks(ruled)[0].rows
    assert [(r[0], r[-1]) for r in rows] == [("retrained", "–"), ("scrub", "residual")]
    assert len(heads()) == len(rows[0])
