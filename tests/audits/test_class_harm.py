"""A class that unlearning broke is named, and no other."""

from typing import Any

import numpy
import pytest

from canforget.audits.class_harm import class_harm
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, predictions_of
from canforget.rng import numpy_generator
from canforget.testing.metrics_and_audits import check_audit
from tests.narrowed import measured, present

LABELS = numpy.repeat([0, 1, 2], 200)


def model(name: str, accuracies: tuple[float, float, float]) -> Any:
    """Answers that are right as often as given, class by class."""
    right = numpy_generator(f"harm/{name}").random(600) < numpy.array(accuracies)[LABELS]
    said = numpy.where(right, LABELS, (LABELS + 1) % 3)
    return {"test_retain": predictions_of(numpy.eye(3)[said], LABELS)}


RETRAINED = tuple(model(f"g{j}", (0.9, 0.9, 0.9)) for j in range(5))


def test_the_class_that_was_harmed_is_named() -> None:
    values = class_harm(Evidence(model("u", (0.9, 0.4, 0.9)), retrained=RETRAINED), rng=numpy_generator("a")).values
    assert measured(values["harmed"]).value == 1
    assert measured(values["worst"]) == measured(values["class_1"])
    assert measured(values["class_1"]).value == pytest.approx(0.5, abs=0.1)
    low, high = present(measured(values["class_0"]).interval)
    assert low < 0 < high
    assert measured(values["class_2"]).n == 200


def test_what_was_not_harmed_is_not_and_two_retrained_models_are_too_few() -> None:
    values = class_harm(Evidence(model("u", (0.9, 0.9, 0.9)), retrained=RETRAINED), rng=numpy_generator("a")).values
    assert measured(values["harmed"]).value == 0
    with pytest.raises(NotMeasurable, match="at least three"):
        class_harm(Evidence(model("u", (0.9, 0.9, 0.9)), retrained=RETRAINED[:2]), rng=numpy_generator("a"))


def test_it_keeps_the_contract_of_audits() -> None:
    check_audit(class_harm)
