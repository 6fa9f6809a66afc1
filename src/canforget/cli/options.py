"""The options that several commands share: their types, words and meaning, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from canforget.errors import ArtifactError, SpecError, did_you_mean, shortened
from canforget.hyperparameters import Positive, Word, conforming
from canforget.registry import add_plugin
from canforget.spec import set_nested
from canforget.study.definition import Study, from_toml

DataDir = Annotated[Path | None, typer.Option(help="Folder that holds the data sets; default: $CANFORGET_DATA_DIR.", show_default=False)]
Device = Annotated[str, typer.Option(help="cpu, cuda, or cuda:N.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Only = Annotated[str | None, typer.Option(help="Only this one, by its label or the name that it begins with.", show_default=False)]
StepName = Annotated[
    str | None,
    typer.Option(
        "--step", help="Only this step and what it needs, as in unlearn/3fa9c1: one that a run named as failed.", show_default=False
    ),
]
Track = Annotated[Path | None, typer.Option(help="Folder for TensorBoard: curves of trainings, values of records.", show_default=False)]
Wide = Annotated[bool, typer.Option("--wide", help="Every usual value, however wide or long the table is.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file with components of your own; may be repeated.", show_default=False)
]
StoreDir = Annotated[
    Path, typer.Option("--store", help="Folder of finished steps, or s3://bucket/prefix (gs, az): what lies there is not computed again.")
]
OutDir = Annotated[Path, typer.Option("--out", help="Folder for the records.")]
Engine = Annotated[
    str,
    typer.Option(help="serial, processes (several at once), ray (a cluster), or auto: processes where the cores and steps are worth it."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        show_default=False,
        help="Steps at once: of processes 2 unless said, of auto as many as cores, of ray what the cluster has room for.",
    ),
]
StepLimit = Annotated[
    float | None, typer.Option(help="Seconds that a step may take; then its worker is ended (processes, ray).", show_default=False)
]
RayAddress = Annotated[
    str, typer.Option(help="Head of a Ray cluster, as in 10.0.0.1:6379; without it one is begun on this machine.", show_default=False)
]
CpusPerStep = Annotated[int, typer.Option(min=1, max=1024, help="Cores, and threads, of a step (ray).")]
GpusPerStep = Annotated[
    float, typer.Option(min=0, help="GPUs of a step that runs a network, or the part of one: at 0.25 four share a GPU (ray).")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of this step's random stream.")]
SplitSeed = Annotated[int, typer.Option(min=0, help="Seed of the split; one for all models that are to be compared.")]
Dataset = Annotated[str, typer.Option(help="Data set, as in digits or parquet:folder=scans.")]
Scenario = Annotated[
    str | None, typer.Option(help="What is forgotten, as in whole_class:classes=3 or ids:file=request.txt.", show_default=False)
]
ModelFile = Annotated[Path, typer.Argument(help="Model file (.safetensors).", show_default=False)]
ModelOut = Annotated[Path, typer.Option("--out", help="Where to write the model (.safetensors).")]
StudyFile = Annotated[Path | None, typer.Argument(help="Study (TOML); the options below replace its keys.", show_default=False)]
Names = Annotated[list[str] | None, typer.Option(show_default=False, help="One or several names.")]
Keys = Annotated[
    list[str] | None, typer.Option("--set", show_default=False, help="Any other keys of a study, as in noise_draws=20 probes=true.")
]


def add_plugins(paths: Sequence[Path] | None) -> None:
    """Registers the components of the plugin files given."""
    for path in paths or ():
        add_plugin(path)


def study_of(file: Path | None, flags: Mapping[str, Sequence[str] | None], keys: Sequence[str] | None = None) -> Study:
    """The study of a file with the keys that flags and `--set` name replaced, or of flags alone."""
    given: dict[str, Any] = {key: list(values) for key, values in flags.items() if values} | keys_of(keys or ())
    if "seeds" in given:
        given["seeds"] = seeds(given["seeds"])
    return Study.of("flags", **given) if file is None else from_toml(file, **given)


def keys_of(given: Sequence[str]) -> dict[str, Any]:
    """Keys and values as after `--set`; a dot goes into a table.

    >>> keys_of(["noise_draws=20", "fit.epochs=3"])
    {'noise_draws': '20', 'fit': {'epochs': '3'}}
    """
    found: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.replace(".", "_").isidentifier() or key == "seeds":
            way_out = "seeds have --seeds" if key == "seeds" else "write key=value, as in noise_draws=20"
            raise SpecError(f"--set: {shortened(text)}: {way_out}")
        set_nested(found, key, Word(value.strip()), f"--set {text}")
    return found


def seeds(given: Sequence[str]) -> int | list[int]:
    """`--seeds 3` as a count, `--seeds 4 5` as a list."""
    if not all(word.isascii() and word.isdigit() and len(word) < 20 for word in given):
        raise SpecError(f"--seeds: {shortened(' '.join(given))}: write a count, or several numbers, as in --seeds 3 or --seeds 4 5")
    return int(given[0]) if len(given) == 1 else [int(word) for word in given]


@dataclass(frozen=True)
class Destination:
    """A file to write, of a model unless its `kind` is another, refused before anything is computed when it cannot be."""

    path: Path
    suffix: str = ".safetensors"
    kind: str = "models"

    def checked(self) -> Path:
        """The path, if it names such a file in a folder that exists or can be made."""
        if self.path.suffix != self.suffix:
            raise ArtifactError(f"{self.path}: {self.kind} are written as {self.suffix}; name the file so")
        if self.path.is_dir():
            raise ArtifactError(f"{self.path}: is a folder; name a file")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path


def device_of(name: str, engine: str = "serial") -> str:
    """The device's name, if torch has it; where Ray deals the GPUs, they are those of other machines, and have no number."""
    import torch

    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise SpecError(f"--device: no device '{name}'{did_you_mean(name, ['cpu', 'cuda', 'mps'])}")
    if engine == "ray" and kind == "cuda":
        if name != kind:
            raise SpecError(f"--device: {name}: --engine ray deals the GPUs itself; write cuda, and --gpus-per-step")
        return name
    if kind == "cuda" and not torch.cuda.is_available():
        raise SpecError("--device: no CUDA device is available here; use --device cpu")
    return name


def numbers(text: str, flag: str, *, positive: bool = False) -> tuple[float, ...]:
    """Numbers separated by commas; above 0 where they must be.

    >>> numbers("0.5,0.25", "--mean")
    (0.5, 0.25)
    """
    kind: Any = tuple[Positive, ...] if positive else tuple[float, ...]
    try:
        found: tuple[float, ...] = conforming(kind, Word(text), flag)
    except SpecError as problem:
        raise SpecError(f"{problem}; write numbers separated by commas, as in 0.49,0.48,0.45") from None
    return found
