"""Precision, recall and F1 against scikit-learn."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from canforget.evaluation.confusion import averaged, averaged_value, cells_of, f1s, precisions, recalls
from canforget.evaluation.evidence import evidence_of, predictions_of
from tests.narrowed import interval_of


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30), st.sampled_from(["macro", "weighted"]))
def test_scores_are_those_of_scikit_learn(pairs: Any, average: Any) -> None:
    """Classes that never occur, or are never predicted, divide by 0."""
    labels, answers = map(list, zip(*pairs))
    cells = cells_of(predictions_of(numpy.eye(4)[answers], labels))
    expected = precision_recall_fscore_support(labels, answers, average=average, zero_division=0)[:3]
    found = [averaged(cells.tally(cells.counts), score, average) for score in (precisions, recalls, f1s)]
    numpy.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_interval_is_that_of_drawing_images_again() -> None:
    """Tables of counts drawn at once must spread as images drawn one by one."""
    rng = numpy.random.default_rng(0)
    labels = rng.integers(3, size=200)
    answers = numpy.where(rng.random(200) < 0.7, labels, rng.integers(3, size=200))
    low, high = interval_of(averaged_value(evidence_of(numpy.eye(3)[answers], labels), "test", f1s, "macro"))
    drawn = []
    for _ in range(600):
        rows = rng.integers(200, size=200)
        drawn.append(precision_recall_fscore_support(labels[rows], answers[rows], average="macro", zero_division=0)[2])
    assert [low, high] == pytest.approx(numpy.quantile(drawn, [0.025, 0.975]), abs=0.015)


def test_an_interval_costs_what_its_images_need_not_what_a_table_of_all_classes_would() -> None:
    """A thousand draws of a table of a thousand classes are eight gigabytes."""
    labels = numpy.arange(2000) % 1000
    assert len(cells_of(predictions_of(numpy.eye(1000)[labels], labels)).counts) == 1000
