"""The models of an audit as records: what the figures and tables of its page are made of, format by format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from canforget.auditing import standard
from canforget.auditing.account import FormatVerdict
from canforget.auditing.measure import FormatSheets, Sheet
from canforget.errors import SpecError
from canforget.evaluation.curves import curves
from canforget.evaluation.evidence import Views
from canforget.report.record import Label, Record, RecordedVerdict, measured
from canforget.spec import parse_text

UNTOLD = {"dataset": "images", "model": "model", "scenario": "forget set"}
"""What an audit calls that of which nobody told it anything."""


def records_of(every: Sequence[FormatSheets], verdicts: Sequence[FormatVerdict], name: str, told: Mapping[str, Any]) -> tuple[Record, ...]:
    """A record of the audited model in every format with the verdict on it, and of the models beside it in the same format.

    `told` holds what may be known of the images: `dataset`, `model`, `scenario`, and what goes into `data` of every record.
    """
    dataset, model, scenario = (str(told.get(axis) or untold) for axis, untold in UNTOLD.items())
    label = Label(dataset, model, scenario, name, "none", 0)
    data = {k: told[k] for k in ("counts", "classes") if k in told}
    return tuple(
        r for sheets, verdict in zip(every, verdicts, strict=True) for r in format_records(sheets, verdict, verdicts[0], label, data)
    )


def format_records(
    sheets: FormatSheets, verdict: FormatVerdict, plain: FormatVerdict, label: Label, data: Mapping[str, Any]
) -> Iterator[Record]:
    """The records of one format: the audited model, the original, the retrained models; a deployed file is a format of its own."""
    simulated = standard.FORMATS.get(sheets.format) == sheets.label
    own = replace(label, quantizer=sheets.label if simulated else sheets.format)
    evidence = sheets.evidence
    yield replace(record_on(sheets, evidence.subject, sheets.subject, own, data), verdict=verdict_recorded(verdict, plain))
    if evidence.original is not None and sheets.original is not None:
        yield record_on(sheets, evidence.original, sheets.original, replace(own, unlearner="nothing"), data)
    for seed, (views, sheet) in enumerate(zip(evidence.retrained, sheets.retrained, strict=True)):
        yield record_on(sheets, views, sheet, replace(own, unlearner="retrain", seed=seed), data)


def record_on(sheets: FormatSheets, views: Views, sheet: Sheet, label: Label, data: Mapping[str, Any]) -> Record:
    """The record of one model: its values, and curves drawn like the audits of the standard."""
    axes = {axis: component_told(getattr(label, axis)) for axis in ("dataset", "model", "scenario", "quantizer")}
    return Record(
        label,
        values={name: measured(plain) for name, plain in sheet.items()},
        hyperparameters=axes | {"unlearner": {"name": label.unlearner, "parameters": {}}},
        curves=curves(replace(sheets.evidence, subject=views), standard.STREAM),
        data=dict(data),
    )


def component_told(label: str) -> dict[str, Any]:
    """What a label says of a component; of a file's name, that name.

    >>> component_told("int:bits=4")
    {'name': 'int', 'parameters': {'bits': '4'}}
    """
    try:
        name, parameters = parse_text(label)
    except SpecError:
        return {"name": label, "parameters": {}}
    return {"name": name, "parameters": parameters}


def verdict_recorded(verdict: FormatVerdict, plain: FormatVerdict) -> RecordedVerdict:
    """The word on a format as a record holds it."""
    test, _, reason = verdict.reason.partition(": ")
    return RecordedVerdict(verdict.word, test, reason, 1, plain.word, verdict.had_forgotten, dict(verdict.gates))
