"""Precision of a view."""

import pytest

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.precision import precision


def test_an_average_over_classes_differs_from_one_over_images() -> None:
    """Three images of class 0 called 0, one of class 1 called 0: class 1 is never predicted and counts 0."""
    evidence = evidence_of([[1, 0]] * 4, [0, 0, 0, 1])
    assert precision(evidence).value == pytest.approx(3 / 8)
    assert precision(evidence, average="weighted").value == pytest.approx(9 / 16)
