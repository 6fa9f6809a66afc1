"""The header of a model file: one typed description of the JSON in it, checked before anything is built from it."""

import json
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from canforget.errors import ArtifactError, CanforgetError, shortened
from canforget.network.classifier import Architecture
from canforget.quantization.grid import Grid
from canforget.quantization.quantized import Structure
from canforget.registry import LIBRARIES

VERSION = 1
BITS = {"e4m3": 8, "e5m2": 8, "e2m1": 4, "nf4": 4, "bfloat16": 16, "float16": 16}
SCALES = ("float32", "e8m0", "e4m3")
INSTALLED = re.compile(r"(site|dist)-packages|python3?\.\d+")
MOST = 2**16
"""Largest group size and number of classes that a file may ask memory for."""


class Origin(BaseModel):
    """Where a model came from: its data set, scenario and split seed, and whatever else the verbs wrote down."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    dataset: str | None = None
    scenario: str | None = None
    split_seed: int = 0


def check_structure(found: Structure) -> Structure:
    """Refuses grids that cannot be, and rounded layers of a network of which nobody knows how it was folded."""
    for name, layer in found.layers.items():
        for grid in (*layer.readers, *(g for g in (layer.weights, layer.writer) if g is not None)):
            check_grid(grid, name)
    if found.layers and found.folding is None:
        raise ValueError("says not how its network was folded, as an earlier canforget wrote it; quantize the float model again")
    return found


def check_grid(grid: Grid, layer: str) -> None:
    """Refuses a grid whose codes could not be read, or whose groups would fill the memory."""
    if grid.kind != "int" and grid.bits != BITS[grid.kind]:
        raise ValueError(f"'{layer}' has {grid.bits} bits of {grid.kind}, which has {BITS[grid.kind]}")
    if grid.scales not in SCALES:
        raise ValueError(f"'{layer}' has scales '{grid.scales}'; known: {', '.join(SCALES)}")
    if not 0 <= grid.group_size <= MOST:
        raise ValueError(f"'{layer}' has groups of {grid.group_size} weights; at most {MOST}")


class ModelHeader(BaseModel):
    """All that a model file of ours says of itself; `checksum` is the SHA-256 of its tensors as they lie in the file."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    version: Annotated[int, Field(ge=1, le=VERSION)]
    architecture: Architecture | None
    quantization: Annotated[Structure, AfterValidator(check_structure)] | None = None
    engine: Literal["inductor", "onnxruntime", "openvino"] | None = None
    channels_last: bool = False
    checksum: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    classes: tuple[str, ...] = Field(default=())
    origin: Origin = Origin()
    format: str = ""

    @property
    def made_by(self) -> str:
        """The call of the quantizer that made the model, or "" where nobody said."""
        return self.format or str((self.origin.model_extra or {}).get("quantizer") or "")

    @model_validator(mode="after")
    def agree(self) -> "ModelHeader":
        """As many class names as classes, and an architecture that reading a file may build."""
        if self.architecture is not None:
            if self.classes and len(self.classes) != self.architecture.num_classes:
                raise ValueError(f"{len(self.classes)} class names, but an architecture of {self.architecture.num_classes} classes")
            check_architecture(self.architecture)
        return self


def check_architecture(wanted: Architecture) -> None:
    """Refuses what would call, fetch or allocate anything but a network: a file may come from strangers."""
    if wanted.num_classes > MOST:
        raise ValueError(f"architecture: {wanted.num_classes} classes; at most {MOST}")
    library = wanted.name.startswith(LIBRARIES)
    for key, value in wanted.parameters.items():
        if not is_plain(value, () if library else (str,)):
            raise ValueError(f"architecture.parameters: '{key}' is no number{'' if library else ', word'} or list of these")
    if ".py:" in wanted.name:
        check_own_file(Path(wanted.name.rpartition(":")[0]))


def is_plain(value: Any, also: tuple[type, ...]) -> bool:
    """Whether a hyperparameter is a number, a truth value, None, a list of these, or of a type among `also`.

    >>> is_plain([8, [16, 2.5]], ()), is_plain("weights.pth", ()), is_plain({"a": 1}, (str,))
    (True, False, False)
    """
    if isinstance(value, list | tuple):
        return all(is_plain(v, also) for v in value)
    return value is None or isinstance(value, (bool, int, float, *also))


def check_own_file(path: Path) -> None:
    """Refuses code of the Python installation as a network: `os.py:system` is a function in a file, too."""
    installed = [Path(folder).resolve() for folder in sysconfig.get_paths().values()]
    parts = path.resolve().parts
    if any(path.resolve().is_relative_to(folder) for folder in installed) or any(INSTALLED.fullmatch(part) for part in parts):
        raise ValueError(f"architecture: '{path}' belongs to the Python installation and makes no network")


def read_header(line: str, where: str, way_out: str = "write the file again") -> ModelHeader:
    """The header in a line of JSON.

    Raises:
        ArtifactError: No JSON, of a later format, or a field that is missing, of another type or out of its range; the message names it.
    """
    content = json_object(line, f"{where}: its header")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ArtifactError(f"{where}: written by a later canforget (format {version}, here {VERSION}); upgrade canforget")
    try:
        return ModelHeader.model_validate_json(line, strict=True)
    except ValidationError as problem:
        raise ArtifactError(f"{where}: its header cannot be: {first_fault(problem)}; {way_out}") from None
    except CanforgetError as problem:
        raise ArtifactError(f"{where}: its header cannot be: {problem}; {way_out}") from None


def json_object(text: str, where: str) -> dict[str, Any]:
    """The JSON object in a text; NaN, infinity and nesting without end are refused."""
    try:
        content = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError) as problem:
        raise ArtifactError(f"{where} is not valid JSON ({str(problem).splitlines()[0]}); write the file again") from None
    if not isinstance(content, dict):
        raise ArtifactError(f"{where} is no JSON object but a {type(content).__name__}; write the file again")
    return content


def no_number(word: str) -> NoReturn:
    """Refuses NaN and infinity, which are no JSON."""
    raise ValueError(f"{word} is no number")


def first_fault(problem: ValidationError) -> str:
    """The first thing that a description found wrong: where, and what was wanted.

    >>> try: ModelHeader.model_validate({"version": 1, "architecture": 3, "checksum": "0" * 64})
    ... except ValidationError as problem: print(first_fault(problem).partition(":")[0])
    architecture
    """
    fault = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    place, said = dotted(fault["loc"]), fault["msg"].removeprefix("Value error, ")
    return one_line(f"{place}: {said[:1].lower()}{said[1:]}" if place else said)


def dotted(place: Iterable[int | str]) -> str:
    """Where in JSON, as in a.b.3."""
    return ".".join(map(str, place))


def one_line(text: str, most: int = 300) -> str:
    """A text of others, such as a library's error, as one line of at most `most` characters."""
    return shortened(" ".join(text.split()), most)
