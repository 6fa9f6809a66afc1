"""The answer for one model file: judged beside the original and the retrained models as a case of a study is."""

from collections.abc import Sequence
from dataclasses import replace

from canforget.evaluation.evidence import Evidence
from canforget.pipeline import values_of
from canforget.report.answer import Answer, answers
from canforget.report.judgment import with_verdicts
from canforget.report.record import Label, Measured, Record


def answer_for(label: Label, evidence: Evidence, values: dict[str, Measured]) -> Answer:
    """What is to be said of the model whose `values` these are; the models in `evidence` that it is compared with are judged alike.

    A single model is judged by the band of three retrained ones or more; with fewer, or none, the answer says so.
    """
    records = [Record(label, values), *reference_records(label, evidence)]
    return answers(with_verdicts(records))[0]


def reference_records(label: Label, evidence: Evidence) -> Sequence[Record]:
    """Records of the original and of each retrained model, the latter beside the others."""
    found = []
    if evidence.original is not None:
        found.append(Record(replace(label, unlearner="nothing"), values_of(replace(evidence, subject=evidence.original))))
    for seed, subject in enumerate(evidence.retrained):
        others = tuple(views for k, views in enumerate(evidence.retrained) if k != seed)
        values = values_of(replace(evidence, subject=subject, retrained=others))
        found.append(Record(replace(label, unlearner="retrain", seed=seed), values))
    return found
