"""Judging a case: cached predictions -> evidence -> the values of every metric and audit, as JSON holds them. No torch, no models."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy

from canforget.evidence import Audit, Evidence, NotRun, Predictions, Value, Views
from canforget.plan import PREDICTED, Step
from canforget.rng import numpy_generator
from canforget.spec import Call, call_of
from canforget.store import Store, read_arrays

Plain = dict[str, Any]


def judge_evidence(step: Step, store: Store) -> dict[str, Plain]:
    """Every metric's and audit's value for the case that `step` names."""
    what = step.what

    def views(key: str) -> Views:
        return views_in(store, key, what["split"])

    evidence = Evidence(
        subject=views(what["subject"]),
        original=views(what["original"]),
        retrained=tuple(views(key) for key in what["retrained"]),
        forgotten_classes=tuple(what["forgotten_classes"]),
    )
    return judged(evidence, map(call_of, what["metrics"]), map(call_of, what["audits"]), step.key)


def judged(evidence: Evidence, metrics: Iterable[Call], audits: Iterable[Call], key: str) -> dict[str, Plain]:
    """The values by name: `test.accuracy` for a metric on a view, `membership.phi` for a value of an audit."""
    values: dict[str, Plain] = {}
    for call in metrics:
        values[value_name(call)] = plain_value(refused(call, evidence) or call.component.load()(evidence, **call.arguments()))
    for call in audits:
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


@lru_cache(maxsize=64)
def views_in(store: Store, key: str, split_key: str) -> Views:
    """A model's predictions by view, those on the matched and on the retained part of the test set included."""
    arrays = read_arrays(store.folder("predict", key) / "predictions.npz")
    split = read_arrays(store.folder("split", split_key) / "split.npz")
    views: dict[str, Predictions] = {
        v: Predictions(arrays[f"{v}.logits"], arrays[f"{v}.labels"], arrays[f"{v}.ids"]) for v in PREDICTED if f"{v}.ids" in arrays
    }
    return views | parts_of_test(views["test"], split)


def parts_of_test(test: Predictions, split: Mapping[str, Any]) -> dict[str, Predictions]:
    """The test images matched to the forget set, and those of retained classes, where there are any."""
    parts = {name: test.where(numpy.isin(test.ids, split[name])) for name in ("test_forget", "test_retain")}
    return {name: part for name, part in parts.items() if len(part)}
