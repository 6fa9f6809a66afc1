"""Differences against scipy, and the words that may be said of them."""

from typing import Any

import numpy
import pytest
from scipy.stats import ttest_ind, ttest_rel

from canforget.evaluation.evidence import Predictions
from canforget.report.comparison import BY_IMAGE, BY_IMAGES, BY_MODELS, BY_SEED, compare_predictions, compare_rows, compare_studies
from canforget.report.record import Label, Measured, Record


def row(values: Any, unlearner: str = "scrub", seeds: Any = None, interval: Any = None, scenario: str = "whole") -> list[Record]:
    seeds = range(len(values)) if seeds is None else seeds
    return [
        Record(
            Label("digits", "tiny_cnn", scenario, unlearner, "none", s),
            {"test.accuracy": Measured(v, interval, 100), "forget.accuracy": Measured(v / 2)},
        )
        for s, v in zip(seeds, values, strict=True)
    ]


ONE, OTHER = [0.90, 0.91, 0.93, 0.92], [0.84, 0.86, 0.87, 0.88]


def test_the_same_seeds_are_paired() -> None:
    found = compare_rows(row(ONE), row(OTHER, "salun")).differences[0]
    assert found.over == BY_SEED
    assert found.p == pytest.approx(ttest_rel(OTHER, ONE).pvalue)
    assert found.interval == pytest.approx(tuple(ttest_rel(OTHER, ONE).confidence_interval()))
    assert found.difference == pytest.approx(-0.0525)


def test_other_seeds_or_another_scenario_are_not_paired() -> None:
    """The difference of two models that share nothing but a number is no pair."""
    for other in (row(OTHER, "salun", seeds=(4, 5, 6, 7)), row(OTHER, "salun", scenario="random")):
        found = compare_rows(row(ONE), other).differences[0]
        assert found.over == BY_MODELS
        assert found.p == pytest.approx(ttest_ind(OTHER, ONE, equal_var=False).pvalue)


def test_holm_is_over_all_measures() -> None:
    found = compare_rows(row(ONE), row(OTHER, "salun"))
    assert [d.measure for d in found.differences] == ["test.accuracy", "forget.accuracy"]
    p = [d.p or 0.0 for d in found.differences]
    assert [d.p_adjusted for d in found.differences] == pytest.approx([min(1, 2 * v) for v in p])
    assert found.words()[0].startswith("Beyond seed noise, salun · none differs from scrub · none in test.accuracy 0.862 against 0.915")


def test_one_model_each_says_nothing_of_seeds() -> None:
    found = compare_rows(row([0.9], interval=(0.86, 0.94)), row([0.8], "salun", interval=(0.74, 0.86)))
    assert found.differences[0].over == BY_IMAGES
    assert found.differences[0].p == pytest.approx(0.0066, abs=2e-3)
    assert found.words()[-1].startswith("Whether it is beyond seed noise is not known")


def test_what_is_equal_to_the_last_digit_is_told_so() -> None:
    assert "alike to the last digit" in compare_rows(row(ONE), row(ONE)).words()[0]


def test_the_settings_that_differ_are_named() -> None:
    a = [
        Record(
            Label("d", "m", "s", "scrub", "none", 0),
            hyperparameters={"unlearner": {"parameters": {"alpha": 1, "beta": 2}}},
            versions={"torch": "2"},
        )
    ]
    b = [
        Record(
            Label("d", "m", "s", "scrub", "none", 0),
            hyperparameters={"unlearner": {"parameters": {"alpha": 3, "beta": 2}}},
            versions={"torch": "2"},
        )
    ]
    assert compare_rows(a, b).settings == (("unlearner.parameters.alpha", 1, 3),)


def predictions(n: int, right: Any, start: int) -> Predictions:
    logits = numpy.zeros((n, 2), dtype=numpy.float32)
    logits[numpy.arange(n), numpy.where(right, 0, 1)] = 1
    return Predictions(logits, numpy.zeros(n, dtype=numpy.int64), numpy.arange(n) + start)


def test_models_are_paired_by_image() -> None:
    """Unpaired, a difference in 3 of 400 images would drown in the noise of both accuracies."""
    right = numpy.random.default_rng(0).random(400) < 0.8
    better = right.copy()
    better[numpy.flatnonzero(~right)[:12]] = True
    found = compare_predictions({"test": predictions(400, right, 0)}, {"test": predictions(400, better, 0)}, ("a", "b")).differences[0]
    assert found.over == BY_IMAGE
    assert found.p == pytest.approx(ttest_rel(better.astype(float), right.astype(float)).pvalue)
    assert found.seen
    assert not compare_rows(row([right.mean()], interval=(0.76, 0.84)), row([better.mean()], interval=(0.79, 0.87))).differences[0].seen


def test_studies_are_compared_row_by_row_under_one_correction() -> None:
    a = [*row(ONE), *row(ONE, "salun"), *row(ONE, "ssd")]
    b = [*row(ONE), *row(OTHER, "salun"), *row(ONE, "npo")]
    found = compare_studies(a, b)
    assert [r.a.split()[0] for r in found.rows] == ["scrub", "salun"]
    assert (found.only_a, found.only_b) == (("digits · tiny_cnn · whole · ssd · none",), ("digits · tiny_cnn · whole · npo · none",))
    alone = compare_rows(row(ONE), row(OTHER))
    assert (found.rows[1].differences[0].p_adjusted or 0) > (alone.differences[0].p_adjusted or 0)
