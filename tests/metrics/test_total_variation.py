"""Where a forgotten class goes."""

from typing import Any

import numpy
import pytest

from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.metrics.total_variation import total_variation
from canforget.testing.metrics_and_audits import example_evidence


def sent_to(c: Any) -> Any:
    return {"forget": predictions_of(20.0 * numpy.eye(4)[[c] * 5] + [9, 0, 0, 0], [0] * 5)}


def test_relabelling_to_one_class_is_seen() -> None:
    """Forget accuracy is 0 either way."""
    spread = {"forget": predictions_of([[0, 1, 1, 1]] * 5, [0] * 5)}
    assert total_variation(Evidence(sent_to(1), retrained=(spread,), forgotten_classes=(0,))).value == pytest.approx(2 / 3, abs=1e-3)
    assert total_variation(Evidence(sent_to(1), sent_to(2), forgotten_classes=(0,)), other="original").value == pytest.approx(1, abs=1e-3)


def test_the_band_is_over_retrained_models() -> None:
    """An interval over images is no measure of what another seed would do."""
    assert total_variation(example_evidence()).n == 3
