"""TA."""

from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.metrics.testing_accuracy import testing_accuracy as accuracy

VIEWS = {"test": predictions_of([[1, 0], [1, 0]], [0, 1]), "test_retain": predictions_of([[1, 0]], [0])}


def test_ta_leaves_out_forgotten_classes_only() -> None:
    """Retraining without one class of ten would lose ten points."""
    assert accuracy(Evidence(VIEWS, forgotten_classes=(1,))).value == 1.0
    assert accuracy(Evidence(VIEWS)).value == 0.5
