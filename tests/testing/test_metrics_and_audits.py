"""The contracts hold for every member, and catch what they are there for."""

from typing import Any

import pytest

from canforget.errors import ContractError
from canforget.evaluation.evidence import Audit, Value
from canforget.registry import find, names
from canforget.testing.metrics_and_audits import check_audit, check_metric


@pytest.mark.parametrize("name", names("metrics"))
def test_every_metric_keeps_the_contract(name: Any) -> None:
    """A metric that returns NaN on an empty set, or another number for another order of images."""
    check_metric(find("metrics", name).load())


@pytest.mark.parametrize("name", names("audits"))
def test_every_audit_keeps_the_contract(name: Any) -> None:
    """An audit that fails, or stands in a number, when views or reference models are missing."""
    check_audit(find("audits", name).load())


BROKEN = {
    "is no result": lambda evidence: Value(float("nan")),
    "must be finite and hold the value": lambda evidence: Value(0.5, (0.6, 0.7)),
    "return a Value": lambda evidence: 0.5,
    "another number when the images": lambda evidence: Value(float(evidence.subject["test"].logits[0, 0]) if evidence.subject else 0.0),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_metric_is_told_what_is_wrong(message: Any) -> None:
    """A contract that passes everything."""
    with pytest.raises(ContractError, match=message):
        check_metric(BROKEN[message])


def test_a_metric_that_writes_into_the_evidence_is_stopped() -> None:
    """A normalization in place would change what the next metric sees."""

    def careless(evidence: Any) -> Any:
        evidence.subject["test"].logits[:] = 0
        return Value(0.0)

    with pytest.raises(ValueError, match="read-only"):
        check_metric(careless)


def test_an_audit_with_a_stream_of_its_own_is_told_so() -> None:
    """A draw from outside `rng` makes a record that cannot be repeated."""
    count = iter(range(1000))
    with pytest.raises(ContractError, match="draw from `rng` alone"):
        check_audit(lambda evidence, rng: Audit({"x": Value(float(next(count)))}))
