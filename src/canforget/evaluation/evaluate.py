"""Judging a case: cached predictions -> evidence -> the values of every metric and audit, as JSON holds them. No torch, no models."""

from collections.abc import Container, Iterable
from typing import Any

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, attempt
from canforget.rng import numpy_generator
from canforget.spec import Call, differences

Plain = dict[str, Any]


def judged(evidence: Evidence, metrics: Iterable[Call], audits: Iterable[Call], key: str) -> dict[str, Plain]:
    """The values by name: `test.accuracy` for a metric on a view, `membership.phi` for a value of an audit.

    Audits of what rounding did are left out where nothing was rounded: there is no number that could be missed. What cannot be measured
    is a value with its reason; an audit of which nothing can be measured is one such value, under its own name.
    """
    rounded = evidence.full_precision is not None
    calls = [c for c in (*metrics, *audits) if rounded or "full_precision" not in c.component.needs]
    values: dict[str, Plain] = {}
    for name, call in named(calls).items():
        outcome = attempt(carried_out, call, evidence, f"{key}/{name}")
        parts = outcome.values if isinstance(outcome, Audit) else {"": outcome}
        values |= {f"{name}.{part}".rstrip("."): plain_value(v) for part, v in parts.items()}
    return values


def carried_out(call: Call, evidence: Evidence, stream: str) -> Value | Audit:
    """What a metric or audit finds, an audit with a generator named `stream`; raises `NotMeasurable` where it lacks what it needs."""
    for need in call.component.needs:
        if not getattr(evidence, need):
            raise NotMeasurable(f"needs {need} models, and there is none to compare with; add seeds or the model")
    given = call.arguments() | ({"rng": numpy_generator(stream)} if call.family == "audits" else {})
    found: Value | Audit = call.component.load()(evidence, **given)
    return found


def named(calls: Iterable[Call]) -> dict[str, Call]:
    """The calls by the names of their values: the component with what it asks about, whatever the numbers that it asks with.

    So `membership` is found under its name with any hyperparameters. Of several calls of one name the first bears it, and the others
    all that they differ in from the defaults.

    >>> from canforget.spec import parse
    >>> asked = [("metrics", "f1:average=weighted"), ("audits", "membership:false_alarms=0.05"), ("audits", "membership")]
    >>> list(named(parse(*a) for a in [*asked, ("audits", "membership:signals=loss")]))
    ['test.f1:average=weighted', 'membership', 'membership:signals=loss']
    """
    found: dict[str, Call] = {}
    for call in calls:
        if call not in found.values():
            short = value_name(call, {p.name for p in call.component.parameters if not isinstance(call[p.name], str)})
            found[short if short not in found else value_name(call, set())] = call
    return found


def value_name(call: Call, silent: Container[str]) -> str:
    """The view of a metric, its name, and the hyperparameters that differ from their defaults but for the `silent` ones."""
    view = f"{call['view']}." if call.family == "metrics" and "view" in dict(call.parameters) else ""
    said = [p for p in call.component.parameters if p.name not in silent and not (view and p.name == "view")]
    changed = [text for p in said for text in differences(p.name, p.default, call[p.name])]
    return f"{view}{call.name}" + (f":{','.join(changed)}" if changed else "")


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


AUDITS = ("membership", "calibrated_membership", "legacy_membership", "class_harm", "recovery")


COIN_AUDITS = ("coin_flips",)


FEATURE_AUDITS = ("nearest_prototype", "ridge_probe", "duplicates")
