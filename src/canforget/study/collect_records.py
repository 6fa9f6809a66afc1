"""Records collected from the store: values, hyperparameters, seconds, bytes and conditions of a case."""

from collections.abc import Mapping

from canforget.file_io import read_json
from canforget.report.record import Label, Record, measured
from canforget.study.plan import Case, Plan
from canforget.study.step_cost import COSTS
from canforget.study.store import Store

MADE_BY = ("train", "unlearn")
"""The steps that read images to make a model: their cost is told in images read."""


def record_of(case: Case, plan: Plan, store: Store, errors: Mapping[tuple[str, str], str]) -> Record:
    """The record of a case whose steps were carried out, or which says why they were not."""
    label = Label(*case.labels)
    why = case.not_run or next((f"{role} failed: {errors[s]}" for role, s in case.steps.items() if s in errors), "")
    if why:
        return Record(label, not_run=why, hyperparameters=dict(case.hyperparameters))
    found = {role: store.provenance(*name) for role, name in case.steps.items()}
    values = read_json(store.file(*case.steps["judge"], "values.json"))
    curves = read_json(store.file(*case.steps["judge"], "curves.json"))
    split = store.provenance("split", found["predict"]["what"]["split"])
    model = found["quantize"]
    return Record(
        case=label,
        values={name: measured(v) for name, v in values.items()},
        hyperparameters=dict(case.hyperparameters),
        seconds={role: p["conditions"]["seconds"] for role, p in found.items()},
        images_read={role: found[role]["facts"]["images_read"] for role in MADE_BY if "images_read" in found[role]["facts"]},
        curves=curves,
        bytes=model["facts"]["bytes"],
        coverage=model["facts"].get("coverage", {}),
        data={k: split["facts"][k] for k in ("fingerprint", "counts", "classes")},
        steps={role: name[1] for role, name in case.steps.items()},
        conditions={k: v for k, v in found["unlearn"]["conditions"].items() if k not in COSTS},
        versions=model["versions"],
    )
