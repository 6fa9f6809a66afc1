"""The worst retained class."""

from dataclasses import replace

import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import evidence_of
from canforget.metrics.worst_class_accuracy import worst_class_accuracy


def test_a_forgotten_class_is_never_the_worst() -> None:
    """Every successful unlearning of a class would score 0."""
    evidence = evidence_of([[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], [0, 1, 2, 2])
    assert worst_class_accuracy(evidence).value == 0.0
    assert worst_class_accuracy(replace(evidence, forgotten_classes=(0,))).value == 0.5
    with pytest.raises(NotMeasurable, match="retained"):
        worst_class_accuracy(replace(evidence, forgotten_classes=(0, 1, 2)))
