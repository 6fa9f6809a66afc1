"""The answer for one model file: judged beside the original and the retrained models as a case of a study is, and its records."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from canforget import pipeline
from canforget.cli.app import typed_command
from canforget.cli.model_files import VAL_FRACTION, About, model_name, opened_split, origin_of, origin_value, require_same_request
from canforget.data.images import Split
from canforget.deployment import model_file
from canforget.evaluation.curves import curves
from canforget.evaluation.evaluate import METRICS
from canforget.evaluation.evidence import Evidence
from canforget.file_io import checksum
from canforget.report.answer import answers
from canforget.report.judgment import with_verdicts
from canforget.report.record import Label, Measured, Record
from canforget.spec import parse
from canforget.study.environment import machine, versions

EVALUATION = "canforget.evaluation/1"
"""What `canforget evaluate --json` writes: the answer, the values of the model, and the records behind them."""
CHOSEN_BY = "accuracy:view=val"
"""What settings are chosen by, beside the usual metrics: neither trained on nor of the test set; not there of an adopted model."""
STREAM = "evaluate"
"""The stream that `canforget.pipeline.values_of` draws by: curves are of the same images."""


def evaluate_file(
    source: Path, *, dataset: str | None, scenario: str | None, original: Path | None, retrained: Sequence[Path], quantizer: str | None,
    probes: Sequence[str] = (), split_seed: int, data_dir: Path | None, device: str,
) -> About:  # fmt: skip
    """The values of every metric, audit and probe of a model file, beside models in the same format."""
    calls = [parse("probes", text, "--probes") for text in probes]
    origin, named = origin_of(source), dataset or scenario
    scenario = scenario or origin_value(origin, "scenario", source)
    dataset = dataset or origin_value(origin, "dataset", source)
    split = opened_split(origin | {"dataset": dataset, "scenario": scenario}, split_seed, data_dir, device)
    require_same_request(source, origin, split, named=named)
    model = model_file.load(source, device=device)
    beside: dict[str, Any] = {
        "original": None if original is None else model_file.load(original, device=device),
        "retrained": [model_file.load(g, device=device) for g in retrained],
        "quantizer": None if quantizer is None else parse("quantizers", quantizer, "--quantizer"),
    }
    evidence, references = pipeline.gathered(model, split, **beside)
    values = pipeline.values_of(evidence, (*METRICS, CHOSEN_BY))
    if calls:
        values |= pipeline.probe(model, split, calls, **beside)
    told = {"split_seed": split_seed, "val_fraction": VAL_FRACTION} | origin | {"dataset": dataset, "scenario": scenario}
    made = known_of(source, told, split, pipeline.open_data(dataset, data_dir).fingerprint)
    records = judged_records(made, evidence, values)
    answer = answers(records)[0]
    return {
        "schema": EVALUATION,
        "model": str(source),
        "origin": origin,
        "dataset": dataset,
        "scenario": scenario,
        "references": references,
        "answer": asdict(answer) | {"statements": [asdict(s) | {"sentence": s.sentence} for s in answer.statements]},
        "values": {k: asdict(v) for k, v in values.items()},
        "records": [asdict(r) for r in records],
    }


def known_of(source: Path, origin: About, split: Split, fingerprint: str) -> Record:
    """The record of a model file as far as it is known before its values: what it is, of which images, by which command."""
    label = Label(
        origin["dataset"],
        model_name(source),
        origin["scenario"],
        str(origin.get("unlearner", "model")),
        str(origin.get("quantizer", "none")),
        0,
    )
    called = {"dataset": parse("datasets", label.dataset), "scenario": parse("scenarios", label.scenario)}
    settings = {name: origin[name] for name in ("val_fraction", "split_seed")}
    return Record(
        label,
        hyperparameters={axis: call.to_json() for axis, call in called.items()} | settings,
        bytes=source.stat().st_size,
        data={"fingerprint": fingerprint, "counts": counts_of(split), "classes": list(split.classes)},
        conditions={"command": typed_command(), "sha256": checksum(source)} | machine(),
        versions=versions(),
    )


def counts_of(split: Split) -> dict[str, int]:
    """How many images each set holds."""
    return {view: len(getattr(split, view)) for view in ("forget", "retain", "val", "test", "calibration")}


def judged_records(made: Record, evidence: Evidence, values: dict[str, Measured]) -> list[Record]:
    """The model's record with `values`, its curves and what is to be said of it; then those of the models in `evidence` beside it.

    `made` is the record as far as it is known without `evidence`. A single model is judged by the band of three retrained ones or more;
    with fewer, or none, its verdict says so.
    """
    own = replace(made, values=values, curves=curves(evidence, STREAM))
    return with_verdicts([own, *reference_records(made, evidence)])


def reference_records(made: Record, evidence: Evidence) -> Sequence[Record]:
    """Records of the original and of each retrained model, the latter beside the others."""
    found = []
    if evidence.original is not None:
        found.append(record_beside(made, "nothing", 0, replace(evidence, subject=evidence.original)))
    for seed, subject in enumerate(evidence.retrained):
        others = tuple(views for k, views in enumerate(evidence.retrained) if k != seed)
        found.append(record_beside(made, "retrain", seed, replace(evidence, subject=subject, retrained=others)))
    return found


def record_beside(made: Record, unlearner: str, seed: int, evidence: Evidence) -> Record:
    """The record of one of the models compared with."""
    label = replace(made.case, unlearner=unlearner, seed=seed)
    conditions = {k: v for k, v in made.conditions.items() if k != "sha256"}
    values, drawn = pipeline.values_of(evidence), curves(evidence, STREAM)
    return replace(made, case=label, values=values, curves=drawn, bytes=0, conditions=conditions)
