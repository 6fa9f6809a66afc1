"""The standard audit on model files and on the models of a study: files in, the account and its record out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from canforget.auditing.account import AuditAccount
from canforget.auditing.measure import Bench
from canforget.auditing.run import audit_on, expected_cost
from canforget.cli.app import typed_command
from canforget.cli.model_files import About, model_name, opened_split, origin_of, origin_value, require_same_request
from canforget.cli.progress_line import shown_progress
from canforget.data.images import Split
from canforget.deployment import model_file
from canforget.errors import ArtifactError
from canforget.file_io import checksum
from canforget.progress import note
from canforget.study.run_state import clock

WORTH_TELLING = 5.0
"""Seconds from which on it is said beforehand what an audit takes."""


@dataclass(frozen=True)
class AuditedFiles:
    """The files of an audit by their role; `quantized` are those that are deployed."""

    unlearned: Path
    original: Path | None = None
    quantized: tuple[Path, ...] = ()
    retrained: tuple[Path, ...] = ()

    def roles(self) -> list[tuple[str, Path]]:
        """Every file with its role, those that are audited first."""
        first = [("unlearned", self.unlearned), *(("quantized", p) for p in self.quantized)]
        return [*first, *([("original", self.original)] if self.original else []), *(("retrained", p) for p in self.retrained)]


@dataclass(frozen=True)
class AuditedSplit:
    """An account with the split that it was made on and the record of it."""

    account: AuditAccount
    split: Split
    record: About


def audit_files(
    files: AuditedFiles, *, dataset: str | None, scenario: str | None, split_seed: int, data_dir: Path | None, device: str
) -> AuditedSplit:
    """The account of the standard audit of model files, on the images that a scenario forgets."""
    require_files_apart(files)
    source, named = files.unlearned, dataset or scenario
    origin = origin_of(source)
    asked = {
        "dataset": dataset or origin_value(origin, "dataset", source),
        "scenario": scenario or origin_value(origin, "scenario", source),
    }
    split = opened_split(origin | asked, split_seed, data_dir, device)
    require_same_request(source, origin, split, named=named)
    for path in files.retrained:
        require_retrained(path, split)
    original = None if files.original is None else model_file.load(files.original, device=device)
    bench = Bench(split, original, [model_file.load(p, device=device) for p in files.retrained])
    deployed = {p.name: model_file.load(p, device=device) for p in files.quantized}
    told = asked | {"model": model_name(source)}
    account = audited(bench, model_file.load(source, device=device), deployed, source.name, told)
    hashes = [{"role": role, "file": str(path), "sha256": checksum(path)} for role, path in files.roles()]
    return AuditedSplit(account, split, {**account.to_json(), "files": hashes, "command": typed_command()})


def audited(bench: Bench, unlearned: nn.Module, deployed: Mapping[str, nn.Module], name: str, data: Mapping[str, str]) -> AuditAccount:
    """The account of a model beside others, with its cost told before and its progress shown."""
    cost = expected_cost(bench, unlearned, deployed)
    if cost.seconds >= WORTH_TELLING:
        note(f"audit: {cost.predictions:,} predictions, about {clock(cost.seconds)} on this machine")
    with shown_progress(f"audit {name}"):
        return audit_on(bench, unlearned, deployed, name, data)


def require_files_apart(files: AuditedFiles) -> None:
    """Refuses a file that is named twice, and deployed files that tables could not tell apart."""
    paths = [path.resolve() for _, path in files.roles()]
    if twice := next((p for p in paths if paths.count(p) > 1), None):
        raise ArtifactError(f"{twice.name}: named twice; an audit wants each model once")
    names = [p.name for p in files.quantized]
    if same := next((n for n in names if names.count(n) > 1), None):
        raise ArtifactError(f"--quantized: two files are called {same}; rename one")


def require_retrained(path: Path, split: Split) -> None:
    """Refuses as retrained a model that says of itself that it was trained on the forget set, too."""
    trained_on = origin_of(path).get("trained_on")
    if trained_on == len(split.retain) + len(split.forget):
        raise ArtifactError(f"{path}: was trained on the forget set, too, as it says; train it with --retrain and the scenario")
