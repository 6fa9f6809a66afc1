"""One row of a study made anew from its record alone, and whether it landed where the record says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from canforget.errors import ArtifactError, CanforgetError, DataError, SpecError
from canforget.evaluation.evaluate import METRICS
from canforget.evaluation.evidence import Evidence
from canforget.evaluation.statistics import Interval, prediction_interval
from canforget.fit_settings import Fit
from canforget.pipeline import values_of
from canforget.report.record import Measured, Record, value_of
from canforget.spec import Call, call_of, fit_of, parse
from canforget.study.definition import ModelSpec, Study
from canforget.study.one_step import carry_out_step
from canforget.study.plan import Case, Plan, plan
from canforget.study.remote_store import store_at
from canforget.study.store import Store
from canforget.study.stored_evidence import views_in

AUDITS = ("membership", "legacy_membership")
OF_THE_MODEL = ("accuracy", "loss", "f1", "precision", "recall", "phi", "auc")
"""Last words of values that rest on the model alone: those beside other models would need these, too."""
SETTINGS = ("val_fraction", "held_out_fraction", "judged_retain", "split_seed", "calibration")


@dataclass(frozen=True)
class Landing:
    """A value as recorded and as made anew, and the interval that it was to land in: over `over` ("seeds" or "images")."""

    name: str
    recorded: float
    anew: float
    interval: Interval | None
    over: str

    @property
    def equal(self) -> bool:
        """Whether it is the same to the last digit."""
        return self.recorded == self.anew

    @property
    def inside(self) -> bool:
        """Whether it landed: the same, or inside the interval."""
        return self.equal or (self.interval is not None and self.interval[0] <= self.anew <= self.interval[1])


@dataclass(frozen=True)
class Rerun:
    """A record made anew: its labels, where every value landed, and what has changed since (versions, keys)."""

    case: str
    landings: tuple[Landing, ...]
    changes: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every value is the same to the last digit."""
        return all(landing.equal for landing in self.landings)

    @property
    def landed(self) -> bool:
        """Whether every value landed."""
        return all(landing.inside for landing in self.landings)

    def words(self) -> list[str]:
        """What is to be said, before any number."""
        count = len(self.landings)
        if self.exact:
            return [f"{self.case} was made again bit for bit: all {count} values are as recorded, to the last digit.", *self.changes]
        out = [landing.name for landing in self.landings if not landing.inside]
        over = " and ".join(dict.fromkeys(landing.over for landing in self.landings))
        if self.landed:
            return [f"{self.case} landed: all {count} values lie inside the interval over {over}.", *self.changes]
        return [
            f"{self.case} did not land: {len(out)} of {count} values lie outside the interval over {over} ({', '.join(out)}).",
            *self.changes,
        ]


def rerun(record: Record, store: Path, data_dir: Path | None, device: str, siblings: Sequence[Record] = ()) -> Rerun:
    """Trains, unlearns, quantizes and predicts as `record` says, in `store`, and holds what comes out against it.

    The interval of a value is the band in which one more model like the `siblings` (the same row with other seeds, itself included) falls,
    where there are two or more; else that of the record, over the choice of images. References are not made: values beside them are left out.

    Raises:
        ArtifactError: The record says too little, or that it was not run.
        DataError: The images are not those that the record names.
    """
    if record.not_run or not record.hyperparameters:
        raise ArtifactError(f"{record_name(record)}: cannot be made anew: {record.not_run or 'the record holds no hyperparameters'}")
    drawn, changes = plan(study_of_record(record), data_dir), list(version_changes(record))
    case = next(c for c in drawn.cases if c.unlearner == drawn.study.unlearners[place_of_unlearner(record)].label)
    changes += data_changes(record, drawn)
    predicted = case.steps["predict"]
    done = carry_out_step(drawn, "/".join(predicted), store, data_dir, device)
    if done.error:
        raise CanforgetError(f"{record_name(record)}: {done.error}")
    if (key := record.steps.get("unlearn", "")) != case.steps["unlearn"][1]:
        changes.append(
            f"Its model has another key now ({case.steps['unlearn'][1][:12]}, recorded {key[:12] or 'none'}): what decides it has changed since."
        )
    values = values_anew(store_at(store), case, drawn)
    return Rerun(record_name(record), tuple(landings(record, values, siblings)), tuple(changes))


def values_anew(store: Store, case: Case, drawn: Plan) -> Mapping[str, Measured]:
    """The values of a case's model, beside no other."""
    split = next(s for s in drawn.steps if s.verb == "split")
    classes = next(s for s in drawn.steps if s.name == case.steps["judge"]).what["forgotten_classes"]
    views = views_in(store, case.steps["predict"][1], split.key)
    return values_of(Evidence(subject=views, forgotten_classes=tuple(classes)), METRICS, AUDITS)


def landings(record: Record, values: Mapping[str, Measured], siblings: Sequence[Record]) -> Iterator[Landing]:
    """Where every value landed that both hold and that rests on the model alone."""
    for name, found in values.items():
        said = value_of(record, name)
        if name.rpartition(".")[2] in OF_THE_MODEL and said.value is not None and found.value is not None:
            others = [v for r in siblings if (v := value_of(r, name).value) is not None]
            band = prediction_interval(others)
            yield Landing(name, said.value, found.value, band or said.interval, "seeds" if band else "images")


def study_of_record(record: Record) -> Study:
    """The study of the one row that a record tells of, seed and all."""
    said = record.hyperparameters
    if "fit" not in said or "model" not in said:
        raise ArtifactError(f"{record_name(record)}: the record does not say how its model was trained")
    settings = {name: said[name] for name in SETTINGS if name in said}
    return Study(
        datasets=(component_of(record, "dataset"),),
        models=(ModelSpec(component_of(record, "model"), fit_of(said["fit"], Fit())),),
        scenarios=(component_of(record, "scenario"),),
        unlearners=(component_of(record, "unlearner"),),
        quantizers=(component_of(record, "quantizer"),),
        seeds=(record.case.seed,),
        name="rerun",
        **settings,
    )


def component_of(record: Record, axis: str) -> Call:
    """A component of a record with all its hyperparameters; by its label where the record holds no more."""
    try:
        return call_of(record.hyperparameters[axis]) if axis in record.hyperparameters else parse(f"{axis}s", getattr(record.case, axis))
    except SpecError as problem:
        raise SpecError(f"{record_name(record)}: {axis}: {problem}; name its file by --plugin if it is one of your own") from None


def place_of_unlearner(record: Record) -> int:
    """Where a plan has the unlearner of its one row: behind the two references, unless it is one of these."""
    return {"retrain": 0, "nothing": 1}.get(record.case.unlearner.partition(":")[0], 2)


def data_changes(record: Record, drawn: Plan) -> Iterator[str]:
    """What the images at hand have of another fingerprint than a record's, whose files or ways of reading may have changed.

    Raises:
        DataError: Another number of images in a set, or other classes: then they are not those of the record.
    """
    what = next(s for s in drawn.steps if s.verb == "split").what
    said = record.data.get("counts", {})
    if off := [name for name, count in what["counts"].items() if said.get(name, count) != count]:
        counts = f"{what['counts'][off[0]]} here, {said[off[0]]} in the record"
        raise DataError(f"{record_name(record)}: {record.case.dataset} holds other images here: {off[0]}: {counts}; check --data-dir")
    if record.data.get("fingerprint", what["data"]) != what["data"]:
        yield "Its images have another fingerprint here, with as many in every set: the files, or how they are read, have changed since."


def version_changes(record: Record) -> Iterator[str]:
    """Components whose version is another now than a record says, and packages."""
    for axis in ("dataset", "model", "scenario", "unlearner", "quantizer"):
        call = record.hyperparameters.get(axis)
        if call and str(call.get("version")) != (now := str(component_of(record, axis).version)):
            yield f"{call['name']} was version {call.get('version')} then and is {now} now."


def record_name(record: Record) -> str:
    """A record by its labels."""
    return " · ".join(str(getattr(record.case, f.name)) for f in fields(record.case))
