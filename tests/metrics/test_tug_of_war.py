"""Tug of war."""

from typing import Any

import pytest

from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.metrics.tug_of_war import tug_of_war


def model(**right: int) -> Any:
    """So many of ten images right on each set."""
    return {name: predictions_of([[1, 0]] * k + [[0, 1]] * (10 - k), [0] * 10) for name, k in right.items()}


def test_every_set_pulls() -> None:
    """.9 · .8 · .7; a sum would let one set make up for another."""
    evidence = Evidence(model(forget=4, retain=7, test=6), retrained=(model(forget=5, retain=9, test=9),))
    assert tug_of_war(evidence).value == pytest.approx(0.9 * 0.8 * 0.7)


def test_a_model_as_the_retrained_one_scores_1() -> None:
    """Judged against another model of the same accuracies."""
    other = {name: p.where([9, *range(9)]) for name, p in model(forget=5, retain=9, test=9).items()}
    assert tug_of_war(Evidence(model(forget=5, retain=9, test=9), retrained=(other,))).value == 1.0
