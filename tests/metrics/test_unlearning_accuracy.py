"""UA."""

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.unlearning_accuracy import unlearning_accuracy
from tests.narrowed import interval_of


def test_ua_counts_what_is_wrong() -> None:
    """Accuracy in its place turns every comparison round."""
    found = unlearning_accuracy(evidence_of([[1, 0]] * 4, [0, 0, 0, 1], view="forget"))
    assert found.value == 0.25
    low, high = interval_of(found)
    assert low < 0.25 < high
