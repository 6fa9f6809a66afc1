"""Evidence read from the store: cached predictions of subject, original and retrained models; metric and audit values computed from them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from canforget.evaluation.evaluate import Plain, judged, plain_value
from canforget.evaluation.evidence import PREDICTED, Evidence, NotRun, Predictions, Value, Views, attempt, parts_of_test
from canforget.evaluation.model_agreement import Other, agreeing, compared_with
from canforget.file_io import read_arrays, read_json
from canforget.spec import call_of
from canforget.study.planned_steps import Step
from canforget.study.store import Store

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
        values |= probe_values(evidence, read_json(store.file("probe", what["probe"], "probe.json")))
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
        coins=what.get("coins", False),
    )


def noise_in(store: Store, key: str) -> tuple[Views, ...]:
    """The predictions of every disturbed model."""
    arrays = read_arrays(store.file("noise", key, "noise.npz"))
    names = [name.removesuffix(".ids") for name in arrays if name.endswith(".ids")]
    draws = min((len(arrays[f"{v}.logits"]) for v in names), default=0)
    return tuple({v: Predictions(arrays[f"{v}.logits"][k], arrays[f"{v}.labels"], arrays[f"{v}.ids"]) for v in names} for k in range(draws))


def probe_values(evidence: Evidence, probe: Mapping[str, Any]) -> dict[str, Plain]:
    """The figures of all layers together, and how often the rounded models say the same."""
    values: dict[str, Plain] = {}
    for name, value in probe["together"].items():
        said = (
            NotRun("nothing was updated, or nothing rounded away") if value is None else Value(float(value), n=probe["together"]["weights"])
        )
        values |= {f"probe.{name}": plain_value(said)} if name != "weights" else {}
    for view in ("forget", "test"):
        for other in OTHERS:
            values[f"probe.{view}_agreement_{other}"] = plain_value(attempt(compared_with, evidence, other, view, agreeing))
    return values


@lru_cache(maxsize=24)
def views_in(store: Store, key: str, split_key: str) -> Views:
    """A model's predictions by view, those on the matched and on the retained part of the test set included."""
    arrays = read_arrays(store.file("predict", key, "predictions.npz"))
    split = read_arrays(store.file("split", split_key, "split.npz"))
    views: dict[str, Predictions] = {
        v: Predictions(arrays[f"{v}.logits"], arrays[f"{v}.labels"], arrays[f"{v}.ids"], arrays.get(f"{v}.features"))
        for v in PREDICTED
        if f"{v}.ids" in arrays
    }
    return views | parts_of_test(views["test"], split)
