"""ZRF."""

import pytest
from scipy.spatial.distance import jensenshannon

from canforget.evaluation.evidence import evidence_of
from canforget.metrics.zrf import zrf


def test_certainty_is_the_farthest_from_ignorance() -> None:
    """In nats the score could not fall below .31."""
    found = zrf(evidence_of([[99, 0, 0], [0, 0, 0]], [0, 0], view="forget"))
    assert found.value == pytest.approx(1 - jensenshannon([1, 0, 0], [1 / 3] * 3, base=2) ** 2 / 2)
