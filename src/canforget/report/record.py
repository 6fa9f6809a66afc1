"""Records: one JSON a case is the truth; the list of all, the Parquet file and every table are made from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from canforget.errors import ArtifactError, SpecError
from canforget.evaluation.statistics import t_interval
from canforget.file_io import as_json, read_json, sweep_asides, write_atomically, write_json
from canforget.spec import parse_text

VERSION = "canforget.record/1"
AXES = ("dataset", "model", "scenario", "unlearner", "quantizer", "seed")
REFERENCES = ("retrain", "nothing")
CONTROLS = (
    "leaky_retrain", "destroyed", "relabelled", "head_mask", "head_distillation", "within_rounding_cells", "bounded_update",
)  # fmt: skip
"""Unlearners that nobody would use: models of known answer."""


@dataclass(frozen=True)
class Label:
    """Which case: the labels that a study gives, hyperparameters that differ from their defaults included."""

    dataset: str
    model: str
    scenario: str
    unlearner: str
    quantizer: str
    seed: int


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval and the images or models it rests on; or why it was not run."""

    value: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    not_run: str = ""


@dataclass(frozen=True)
class RecordedVerdict:
    """What is to be said of a combination in its format over all its seeds, the test that decided it, and why.

    `full_precision` is the word on the same models before rounding, `had_forgotten` whether at most a quarter of the memory was left then
    (`None`: not known), `gates` the figure of every gate in words. The rules: `canforget.report.verdict`.
    """

    word: str
    test: str
    reason: str
    seeds: int
    full_precision: str = ""
    had_forgotten: bool | None = None
    gates: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """All that is known of a case: its labels and hyperparameters, values, seconds and bytes, and the conditions they were found under.

    `images_read` counts what training and unlearning read in batches, each image as often as it was read: their cost on whatever machine.
    `curves` are what is more than a number (`canforget.evaluation.curves`), and `layers` of a probe; records of old have neither.
    """

    case: Label
    values: dict[str, Measured] = field(default_factory=dict)
    not_run: str = ""
    verdict: RecordedVerdict | None = None
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    images_read: dict[str, int] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    bytes: int = 0
    coverage: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    schema: Literal["canforget.record/1"] = "canforget.record/1"

    def _repr_html_(self) -> str:
        """The case in a notebook."""
        from canforget.report.notebook import record_markup

        return record_markup(self)


def measured(plain: Mapping[str, Any]) -> Measured:
    """A value as its JSON says it."""
    interval = plain.get("interval")
    return Measured(plain.get("value"), tuple(interval) if interval else None, plain.get("n"), plain.get("not_run", ""))


@lru_cache(maxsize=1)
def adapter() -> Any:
    """What checks and reads a record."""
    from pydantic import TypeAdapter

    return TypeAdapter(Record)


def schema() -> dict[str, Any]:
    """The JSON schema of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **adapter().json_schema(), "title": VERSION}


def save_records(records: Sequence[Record], keys: Sequence[str], folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """Writes `results.json`, `results.parquet`, and one JSON a record under `cases/`, named by its key (`index.json` says whose it is)."""
    cases = folder / "cases"
    for place in (folder, cases):
        sweep_asides(place)
    contents = {cases / f"{key}.json": as_json(asdict(record)) for key, record in zip(keys, records, strict=True)}
    contents[cases / "index.json"] = as_json({f"{key}.json": asdict(record.case) for key, record in zip(keys, records, strict=True)})
    for file, content in contents.items():
        if not file.is_file() or file.read_bytes() != content:
            write_atomically(file, content)
    write_json(folder / "results.json", {"schema": VERSION, **about, "records": [asdict(r) for r in records]})
    write_parquet(folder / "results.parquet", records)
    return [*contents, folder / "results.json", folder / "results.parquet"]


def write_parquet(path: Path, records: Sequence[Record]) -> None:
    """One row a value of a record: long and flat, for any tool that reads Parquet."""
    import io

    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(arrow_table(rows_of_values(records), VALUE_COLUMNS), buffer)
    write_atomically(path, buffer.getvalue())


VALUE_COLUMNS = (*AXES, "name", "value", "low", "high", "n", "not_run")
"""What a row for a value holds: whose it is, its name, the value with its interval and what it rests on, or why it was not run."""
NUMBERS = {"seed": "int64", "n": "int64", "seeds": "int64", "value": "float64", "low": "float64", "high": "float64", "mean": "float64"}


def rows_of_values(records: Sequence[Record]) -> list[dict[str, Any]]:
    """A row for every value of every record, and one for a record that was not run."""
    return [
        asdict(r.case) | {"name": name, "value": v.value, "low": low(v), "high": high(v), "n": v.n, "not_run": v.not_run or r.not_run}
        for r in records
        for name, v in (r.values or {"": Measured(not_run=r.not_run)}).items()
    ]


def arrow_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Rows as an Arrow table: numbers as numbers, the rest as text."""
    import pyarrow

    schema = pyarrow.schema([(c, NUMBERS.get(c, "string")) for c in columns])
    return pyarrow.Table.from_pylist([dict(row) for row in rows], schema=schema)


def low(value: Measured) -> float | None:
    """The lower end of the interval, if there is one."""
    return value.interval[0] if value.interval else None


def high(value: Measured) -> float | None:
    """The upper end of the interval, if there is one."""
    return value.interval[1] if value.interval else None


def load_records(path: Path) -> list[Record]:
    """The records in a `results.json`, a folder of results, or a single record's file; each checked."""
    from pydantic import ValidationError

    path = path if path.suffix == ".json" else path / "results.json"
    content = read_json(path)
    plain = content["records"] if isinstance(content, dict) and "records" in content else [content]
    if not isinstance(plain, list):
        raise ArtifactError(f"{path}: not a list of {VERSION}: records is a {type(plain).__name__}; make it again with canforget run")
    try:
        return [adapter().validate_python(r) for r in plain]
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ArtifactError(f"{path}: not a list of {VERSION}: {place}: {first['msg'].lower()}; make it again with canforget run") from None


def load_all(paths: Sequence[Path]) -> list[Record]:
    """The records of several files or folders together; raises `SpecError` where two of them hold one case, as `put_together` says."""
    found = put_together([(str(path), load_records(path)) for path in paths])
    if not found:
        raise ArtifactError(f"{', '.join(map(str, paths))}: no records; run a study first (canforget run --help)")
    return found


def put_together(sources: Iterable[tuple[str, Iterable[Record]]]) -> list[Record]:
    """The records of several sources (name, records); raises `SpecError` where two hold one case, unless it is one and the same reference."""
    owners: dict[Label, tuple[str, Record]] = {}
    found: list[Record] = []
    for source, records in sources:
        for record in records:
            owner, other = owners.setdefault(record.case, (source, record))
            if other is record:
                found.append(record)
            elif owner == source or record.case.unlearner not in REFERENCES or record.values != other.values:
                case = f"{record.case.unlearner} at {record.case.quantizer}, seed {record.case.seed}"
                raise SpecError(f"{source}: holds a case that {owner} holds too ({case}); give one of them")
    return found


def select(records: Iterable[Record], **wanted: Any) -> list[Record]:
    """The records whose labels, or the names that these begin with, are as wanted, as in `select(records, unlearner="scrub", quantizer="int")`."""
    return [r for r in records if all(v in (label := getattr(r.case, k), str(label).partition(":")[0]) for k, v in wanted.items())]


@dataclass(frozen=True)
class Summary:
    """A value over seeds: its mean, half the width of the t interval (None for one seed), and the number of seeds."""

    mean: float
    half_width: float | None
    seeds: int


@dataclass(frozen=True)
class Choice:
    """A component of a case: its label, by which it is known; its name and its hyperparameters, nested ones by dotted name (`fit.lr`)."""

    label: str
    name: str = field(compare=False)
    parameters: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True)
class Combination:
    """What the cases of several seeds have in common: data set, model, scenario, unlearner and quantizer."""

    dataset: Choice
    model: Choice
    scenario: Choice
    unlearner: Choice
    quantizer: Choice

    @property
    def problem(self) -> tuple[str, str, str]:
        """Data set, model and scenario, by their labels: what is compared is compared within a problem."""
        return self.dataset.label, self.model.label, self.scenario.label

    @property
    def reference(self) -> bool:
        """Whether it is one of the models that others are compared with: retrained, or the original."""
        return self.unlearner.name in REFERENCES

    @property
    def control(self) -> bool:
        """Whether it is a model of known answer, unlike others by design."""
        return self.unlearner.name in CONTROLS

    @property
    def rounded(self) -> bool:
        """Whether it is in a format other than float32."""
        return self.quantizer.name != "none"


Groups = Mapping[Combination, Sequence[Record]]
"""The records of each combination, a seed each."""


def over_seeds(records: Iterable[Record]) -> dict[Combination, list[Record]]:
    """The records of each combination, in their order."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(getattr(record.case, a) for a in AXES[:-1]), []).append(record)
    return {combination_of(group): group for group in groups.values()}


def combination_of(group: Sequence[Record]) -> Combination:
    """The combination that all records of a group are of."""
    return Combination(**{axis: choice_of(group, axis) for axis in AXES[:-1]})


def choice_of(group: Sequence[Record], axis: str) -> Choice:
    """A component as the records tell it; records of old do not hold those of references and of cases that were not run: only their label."""
    label = getattr(group[0].case, axis)
    for record in group:
        if axis in record.hyperparameters:
            call = record.hyperparameters[axis]
            return Choice(label, call["name"], dict(flat(call["parameters"])))
    name, given = parse_text(label)
    return Choice(label, name, dict(flat(given)))


def flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Hyperparameters by dotted name.

    >>> dict(flat({"fit": {"lr": 0.1}, "alpha": 5}))
    {'fit.lr': 0.1, 'alpha': 5}
    """
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def beside(groups: Groups, combination: Combination, unlearner: str) -> Sequence[Record]:
    """The records of a reference (`retrain` or `nothing`) of the same problem in the same format; none where there is none."""
    for other, records in groups.items():
        if other.unlearner.name == unlearner and (other.problem, other.quantizer) == (combination.problem, combination.quantizer):
            return records
    return ()


def value_of(record: Record, name: str) -> Measured:
    """A value of a record; where it has none the reason, which may stand under the name of the whole audit."""
    for known in (name, name.partition(".")[0]):
        if known in record.values:
            return record.values[known]
    return Measured(not_run=record.not_run or "not measured")


def summarize(records: Sequence[Record], value: str | Callable[[Record], float | None]) -> Summary | str:
    """A value's mean over the records of several seeds with its 95 % t interval; or the reason why there is none."""
    if any(r.not_run for r in records):
        return next(r.not_run for r in records if r.not_run)
    read = value if callable(value) else lambda r: value_of(r, value).value
    found = [v for v in map(read, records) if v is not None]
    if not found:
        return next((value_of(r, value).not_run for r in records if isinstance(value, str)), "not measured")
    mean, interval = sum(found) / len(found), t_interval(found)
    return Summary(mean, None if interval is None else interval[1] - mean, len(found))
