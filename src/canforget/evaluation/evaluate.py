"""Judging a case: cached predictions -> evidence -> the values of every metric and audit, as JSON holds them. No torch, no models."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy

from canforget.evaluation.evidence import Audit, Evidence, NotRun, Predictions, Value, Views
from canforget.evaluation.model_agreement import Other, agreeing, compared
from canforget.rng import numpy_generator
from canforget.spec import Call, call_of
from canforget.study.plan import PREDICTED, Step
from canforget.study.store import Store, read_arrays, read_json

Plain = dict[str, Any]
OTHERS: tuple[Other, ...] = ("original", "retrained")


def judge_evidence(step: Step, store: Store) -> dict[str, Plain]:
    """Every metric's and audit's value for the case that `step` names."""
    what = step.what
    evidence = evidence_in(store, what, what)
    if "full_precision" in what:
        before = evidence_in(store, what["full_precision"], what)
        evidence = replace(evidence, full_precision=before, noise=noise_in(store, what["noise"]) if "noise" in what else ())
    values = judged(evidence, map(call_of, what["metrics"]), map(call_of, what["audits"]), step.key)
    if "probe" in what:
        values |= probed(evidence, read_json(store.folder("probe", what["probe"]) / "probe.json"))
    return values | ({"probe": plain_value(NotRun(what["unprobed"]))} if "unprobed" in what else {})


def evidence_in(store: Store, keys: Mapping[str, Any], what: Mapping[str, Any]) -> Evidence:
    """The predictions of subject, original and retrained models of one format."""

    def views(key: str) -> Views:
        return views_in(store, key, what["split"])

    return Evidence(
        subject=views(keys["subject"]),
        original=views(keys["original"]),
        retrained=tuple(views(key) for key in keys["retrained"]),
        forgotten_classes=tuple(what["forgotten_classes"]),
    )


def noise_in(store: Store, key: str) -> tuple[Views, ...]:
    """The predictions of every disturbed model."""
    arrays = read_arrays(store.folder("noise", key) / "noise.npz")
    names = [name.removesuffix(".ids") for name in arrays if name.endswith(".ids")]
    draws = min((len(arrays[f"{v}.logits"]) for v in names), default=0)
    return tuple({v: Predictions(arrays[f"{v}.logits"][k], arrays[f"{v}.labels"], arrays[f"{v}.ids"]) for v in names} for k in range(draws))


def probed(evidence: Evidence, probe: Mapping[str, Any]) -> dict[str, Plain]:
    """The figures of all layers together, and how often the rounded models say the same."""
    values: dict[str, Plain] = {}
    for name, value in probe["together"].items():
        said = (
            NotRun("nothing was updated, or nothing rounded away") if value is None else Value(float(value), n=probe["together"]["weights"])
        )
        values |= {f"probe.{name}": plain_value(said)} if name != "weights" else {}
    for view in ("forget", "test"):
        for other in OTHERS:
            values[f"probe.{view}_agreement_{other}"] = plain_value(compared(evidence, other, view, agreeing))
    return values


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


@lru_cache(maxsize=24)
def views_in(store: Store, key: str, split_key: str) -> Views:
    """A model's predictions by view, those on the matched and on the retained part of the test set included."""
    arrays = read_arrays(store.folder("predict", key) / "predictions.npz")
    split = read_arrays(store.folder("split", split_key) / "split.npz")
    views: dict[str, Predictions] = {
        v: Predictions(arrays[f"{v}.logits"], arrays[f"{v}.labels"], arrays[f"{v}.ids"], arrays.get(f"{v}.features"))
        for v in PREDICTED
        if f"{v}.ids" in arrays
    }
    return views | parts_of_test(views["test"], split)


def parts_of_test(test: Predictions, split: Mapping[str, Any]) -> dict[str, Predictions]:
    """The test images matched to the forget set, and those of retained classes, where there are any."""
    parts = {name: test.where(numpy.isin(test.ids, split[name])) for name in ("test_forget", "test_retain")}
    return {name: part for name, part in parts.items() if len(part)}
