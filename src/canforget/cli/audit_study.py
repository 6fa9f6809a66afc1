"""The standard audit of the unlearned models of a study, read from its store: each beside the original of its seed and all retrained ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from canforget import pipeline
from canforget.auditing.account import AuditAccount
from canforget.auditing.measure import Bench
from canforget.cli.audit_files import audited
from canforget.data.images import Split
from canforget.deployment import model_file
from canforget.errors import ArtifactError, SpecError, did_you_mean
from canforget.report.record import REFERENCES, Record, load_records
from canforget.spec import call_of
from canforget.study.execute import MODEL
from canforget.study.remote_store import store_at
from canforget.study.store import Store

SPLIT_SETTINGS = {
    "split_seed": "seed",
    "val_fraction": "val_fraction",
    "held_out_fraction": "held_out_fraction",
    "calibration": "calibration",
}


def audit_study(
    results: Path, store: Path, *, unlearners: Sequence[str], data_dir: Path | None, device: str
) -> Iterator[tuple[str, AuditAccount]]:
    """The account of every unlearned model of a study (or of those that `unlearners` name), with a line that says which one it is."""
    records = [r for r in load_records(results) if r.case.quantizer == "none" and not r.not_run]
    wanted = [r for r in records if r.case.unlearner.partition(":")[0] not in REFERENCES and chosen(r, unlearners)]
    if not wanted:
        known = sorted({r.case.unlearner for r in records} - {*REFERENCES})
        raise SpecError(f"audit: no such unlearned model at full precision in {results}{did_you_mean(' '.join(unlearners), known)}")
    kept: dict[tuple[Any, ...], Bench] = {}
    for record in wanted:
        place = (record.case.dataset, record.case.model, record.case.scenario, record.case.seed)
        if place not in kept:
            kept = {place: bench_of(record, records, store_at(store), data_dir, device)}
        case = record.case
        name = f"{case.unlearner} (seed {case.seed})"
        about = {"dataset": case.dataset, "scenario": case.scenario, "model": case.model}
        account = audited(kept[place], stored_model(record, store_at(store), device), {}, name, about)
        yield f"{' · '.join(about.values())} · {name}", replace(account, records=())


def chosen(record: Record, unlearners: Sequence[str]) -> bool:
    """Whether a record's unlearner is among those named, by its label or its name."""
    label = record.case.unlearner
    return not unlearners or bool({label, label.partition(":")[0]} & set(unlearners))


def bench_of(record: Record, records: Sequence[Record], store: Store, data_dir: Path | None, device: str) -> Bench:
    """The split of a record's study, the original of its seed, and all models retrained for the same problem."""
    case = record.case
    alike = [r for r in records if (r.case.dataset, r.case.model, r.case.scenario) == (case.dataset, case.model, case.scenario)]
    named = {which: [r for r in alike if r.case.unlearner.partition(":")[0] == which] for which in REFERENCES}
    original = next((stored_model(r, store, device) for r in named["nothing"] if r.case.seed == case.seed), None)
    return Bench(study_split(record, data_dir, device), original, [stored_model(r, store, device) for r in named["retrain"]])


def study_split(record: Record, data_dir: Path | None, device: str) -> Split:
    """The split that a record's study made, drawn again from its settings."""
    given = record.hyperparameters
    settings: dict[str, Any] = {name: given[key] for key, name in SPLIT_SETTINGS.items() if key in given}
    split = pipeline.open_split(call_of(given["dataset"]), call_of(given["scenario"]), data_dir=data_dir, device=device, **settings)
    if record.data.get("counts", {}).get("forget", len(split.forget)) != len(split.forget):
        raise ArtifactError(
            f"{record.case.dataset}: the images, or the file that lists what to forget, changed since the study; run it again"
        )
    return split


def stored_model(record: Record, store: Store, device: str) -> nn.Module:
    """The model of a record, from the store."""
    key = record.steps["unlearn"]
    verb = next((v for v in ("unlearn", "train") if store.holds(v, key)), None)
    if verb is None:
        raise ArtifactError(
            f"{store.place}: holds no model {key[:12]} of {record.case.unlearner}; name the study's store by --store, or run it"
        )
    return model_file.load(store.file(verb, key, MODEL), device=device)
