"""NoMUS."""

from typing import Any

import numpy
import pytest

from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.metrics.nomus import nomus


def case(strength: Any) -> Any:
    rng = numpy.random.default_rng(0)

    def sure(n: Any, margin: Any) -> Any:
        return predictions_of(numpy.stack([rng.normal(margin, 0.3, n), numpy.zeros(n)], axis=1), [0] * n)

    return Evidence({"forget": sure(200, strength), "test_forget": sure(200, 2), "test": sure(50, 9)})


def test_a_model_that_tells_members_loses_the_half_for_forgetting() -> None:
    """An attack accuracy near 0 tells members as well as one near 1."""
    assert nomus(case(2)).value == pytest.approx(1.0, abs=0.07)
    assert nomus(case(8)).value == nomus(case(-4)).value == pytest.approx(0.5, abs=0.01)
    assert nomus(case(8), utility_weight=1.0).value == 1.0
