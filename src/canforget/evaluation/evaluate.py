"""Judging a case: cached predictions -> evidence -> the values of every metric and audit, as JSON holds them. No torch, no models."""

from collections.abc import Iterable
from typing import Any

from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value
from canforget.rng import numpy_generator
from canforget.spec import Call

Plain = dict[str, Any]


def judged(evidence: Evidence, metrics: Iterable[Call], audits: Iterable[Call], key: str) -> dict[str, Plain]:
    """The values by name: `test.accuracy` for a metric on a view, `membership.phi` for a value of an audit.

    Audits of what rounding did are left out where nothing was rounded: there is no number that could be missed.
    """
    values: dict[str, Plain] = {}
    for call in metrics:
        values[value_name(call)] = plain_value(refused(call, evidence) or call.component.load()(evidence, **call.arguments()))
    rounded = evidence.full_precision is not None
    for call in [a for a in audits if rounded or "full_precision" not in a.component.needs]:
        name = call.label
        outcome = refused(call, evidence) or call.component.load()(evidence, rng=numpy_generator(f"{key}/{name}"), **call.arguments())
        parts = outcome.values if isinstance(outcome, Audit) else {"": outcome}
        values |= {f"{name}.{part}".rstrip("."): plain_value(v) for part, v in parts.items()}
    return values


def refused(call: Call, evidence: Evidence) -> NotRun | None:
    """The reason why a component cannot be run on this evidence, if there is one."""
    for need in call.component.needs:
        if not getattr(evidence, need):
            return NotRun(f"needs {need} models, and there is none to compare with; add seeds or the model")
    return None


def value_name(call: Call) -> str:
    """How a metric's value is called in a record."""
    parameters = dict(call.parameters)
    view = parameters.get("view")
    others = [t for t in call.label.partition(":")[2].split(",") if t and not t.startswith("view=")]
    name = f"{call.name}:{','.join(others)}" if others else call.name
    return f"{view}.{name}" if view else name


def plain_value(value: Value | NotRun) -> Plain:
    """A value as JSON holds it."""
    if isinstance(value, NotRun):
        return {"not_run": value.reason}
    interval = None if value.interval is None else [float(v) for v in value.interval]
    return {"value": float(value.value), "interval": interval, "n": value.n}


VIEWED = ("accuracy", "precision", "recall", "f1", "loss")


VIEWS = ("test", "forget", "retain", "test_forget", "test_retain", "held_out")


METRICS = (
    *(f"{m}:view={v}" for v in VIEWS for m in VIEWED),
    "worst_class_accuracy", "unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "average_gap", "tug_of_war",
)  # fmt: skip


AUDITS = ("membership", "legacy_membership", "recovery")


FEATURE_AUDITS = ("nearest_prototype", "ridge_probe")
