"""UA."""

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.unlearning_accuracy import unlearning_accuracy


def test_ua_counts_what_is_wrong():
    """Accuracy in its place turns every comparison round."""
    found = unlearning_accuracy(evidence_of([[1, 0]] * 4, [0, 0, 0, 1], view="forget"))
    assert found.value == 0.25
    assert found.interval[0] < 0.25 < found.interval[1]
