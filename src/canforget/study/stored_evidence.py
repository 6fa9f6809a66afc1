"""Evidence read from the store: cached predictions of subject, original and retrained models; metric and audit values computed from them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from canforget.evaluation.curves import curves, five_digits
from canforget.evaluation.evaluate import Plain, judged, plain_value
from canforget.evaluation.evidence import PREDICTED, Evidence, NotRun, Predictions, Views, attempt, parts_of_test
from canforget.evaluation.model_agreement import Other, agreeing, compared_with
from canforget.evaluation.probe_readings import named_probe_values
from canforget.evaluation.probe_results import ProbeEvidence, ProbeResult
from canforget.file_io import read_arrays, read_json
from canforget.spec import call_of
from canforget.study.planned_steps import Step
from canforget.study.store import Store

OTHERS: tuple[Other, ...] = ("original", "retrained")


def judge_evidence(step: Step, store: Store) -> tuple[dict[str, Plain], Plain]:
    """Every metric's and audit's value for the case that `step` names, and its curves."""
    what = step.what
    evidence = evidence_in(store, what, what)
    if "full_precision" in what:
        before = evidence_in(store, what["full_precision"], what)
        evidence = replace(evidence, full_precision=before, noise=noise_in(store, what["noise"]) if "noise" in what else ())
    values = judged(evidence, map(call_of, what["metrics"]), map(call_of, what["audits"]), step.key)
    drawn = curves(evidence, step.key)
    for name, probe in what.get("probes", {}).items():
        values |= values_of_probe(name, probe, store)
        drawn |= probe_curves(result_in(store, probe["subject"]))
        if probe["probe"]["name"] == "code_flips":
            values |= agreements(name, evidence)
    return values | {name: plain_value(NotRun(why)) for name, why in what.get("unprobed", {}).items()}, drawn


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


def values_of_probe(name: str, probe: Mapping[str, Any], store: Store) -> dict[str, Plain]:
    """The values of a probe under its name; of one that this split cannot give, the reason."""
    call = call_of(probe["probe"])
    results = [result_in(store, key) if key else None for key in (probe["subject"], probe["original"], *probe["retrained"])]
    subject, original, *retrained = results
    assert subject is not None
    return named_probe_values(name, call, ProbeEvidence(subject, original, tuple(g for g in retrained if g is not None)))


@lru_cache(maxsize=64)
def result_in(store: Store, key: str) -> ProbeResult:
    """What a probe left of one model."""
    return ProbeResult.of(read_arrays(store.file("probe", key, "probe.npz")), read_json(store.file("probe", key, "probe.json")))


def agreements(name: str, evidence: Evidence) -> dict[str, Plain]:
    """How often the rounded models say the same: what codes in common come to."""
    pairs = [(view, other) for view in ("forget", "test") for other in OTHERS]
    return {f"{name}.{v}_agreement_{o}": plain_value(attempt(compared_with, evidence, o, v, agreeing)) for v, o in pairs}


LAYER_FIGURES = ("flip_rate_own", "expected_flip_rate", "retained_projection", "signal_to_noise")


def probe_curves(found: ProbeResult) -> Plain:
    """What of a probe is drawn: `layers` of code flips, and `relearning`, the accuracy after every step of each run."""
    drawn: Plain = {}
    if "layers" in found.facts:
        drawn["layers"] = {
            layer: {name: None if figures[name] is None else float(f"{figures[name]:.5g}") for name in LAYER_FIGURES}
            for layer, figures in found.facts["layers"].items()
        }
    runs = {
        name.removesuffix(".accuracy"): trace for name, trace in found.traces.items() if name.endswith(".accuracy") and len(trace.doses) > 1
    }
    if runs and "start.accuracy" in found.traces:
        drawn["relearning"] = {run: {"steps": five_digits(t.doses), "accuracy": five_digits(t.means)} for run, t in runs.items()}
    return drawn


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
