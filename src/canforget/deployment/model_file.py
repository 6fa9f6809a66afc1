"""Model files: safetensors with codes, scales and one line of JSON that says what the model is and where it came from."""

import json
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from canforget.deployment.inductor import ENGINE as COMPILED
from canforget.deployment.inductor import Compiled, simulation
from canforget.deployment.model_header import VERSION, ModelHeader, one_line, read_header
from canforget.deployment.model_place import model_at
from canforget.deployment.onnx_graph import Deployed, describe_onnx, open_graph, open_onnx
from canforget.deployment.packing import pack, pack_scales, unpack, unpack_scales
from canforget.deployment.tensor_checks import check_normalization, check_tensors, check_values, tensors_checksum
from canforget.errors import ArtifactError, CanforgetError
from canforget.file_io import write_atomically
from canforget.network.build import build
from canforget.network.classifier import Architecture, Classifier
from canforget.network.weights import finite
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.quantized import DeployedClassifier, QuantizedClassifier, skeleton, structure
from canforget.rng import generator

KEY = "canforget"
RESERVED = {"version", "architecture", "quantization", "channels_last", "engine", "checksum", "tensors", "bytes", "format"}
PACKED = ("int", "e2m1", "nf4")


def save(model: nn.Module, path: str | Path, **meta: Any) -> Path:
    """Writes `model` with `meta` (plain JSON: provenance, classes) to a safetensors file, at once or not at all; returns the path.

    Rounded weights are written as codes packed to their bits beside their scales, and nothing else of them. A model that knows no
    architecture (a user's own module) is written too; to load it, pass `load` a module to fill.

    Raises:
        StoreError: The disk is full or the folder cannot be written; nothing is left half-written.
        ArtifactError: `meta` is no JSON, or uses a name of ours.
    """
    path = Path(path)
    if taken := RESERVED & set(meta):
        raise ArtifactError(f"{path}: '{min(taken)}' is written by save itself; name it otherwise")
    engine = model.engine if isinstance(model, DeployedClassifier) else None
    made_by = str(getattr(model, "format", ""))
    model = simulation(model)
    architecture = getattr(model, "architecture", None)
    known = structure(model)
    about = {
        **meta,
        "version": VERSION,
        "architecture": None if architecture is None else asdict(architecture),
        "quantization": None if known is None else asdict(known) | {"coverage": known.coverage.to_json()},
        "engine": engine,
        **({"format": made_by} if made_by else {}),
        "channels_last": any(strictly_channels_last(p) for p in model.parameters()),
    }
    tensors = stored(finite(model, "when it was to be saved"))
    about["checksum"] = tensors_checksum(tensors)
    try:
        line = json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise ArtifactError(f"{path}: what is said about a model must be plain JSON: {problem}") from None
    read_header(line, str(path), "nothing was written")
    write_atomically(path, to_bytes(tensors, {KEY: line}))
    return path


def strictly_channels_last(tensor: Tensor) -> bool:
    """Whether a tensor is laid out with its channels last, and not also the usual way."""
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


def stored(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a file by name: a state dict in which codes are packed and the weights that they stand for are left out."""
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    for name, layer in coded_layers(model).items():
        assert layer.grid is not None
        del tensors[f"{name}.layer.weight"]
        if layer.grid.kind in PACKED:
            tensors[f"{name}.codes"] = pack(tensors[f"{name}.codes"], layer.grid.lowest, layer.grid.bits)
        tensors |= {f"{name}.{key}": t for key, t in pack_scales(tensors[f"{name}.scale"], layer.grid.scales).items()}
        zero = tensors.get(f"{name}.zero_point")
        if zero is not None and torch.equal(zero, zero.to(torch.uint8).float()):
            tensors[f"{name}.zero_point"] = zero.to(torch.uint8)
    return tensors


def coded_layers(model: nn.Module) -> dict[str, QuantizedLayer]:
    """The layers whose weights are codes, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, QuantizedLayer) and m.codes is not None}


def load(path: str | Path, device: torch.device | str = "cpu", *, expected: str = "", into: nn.Module | None = None) -> nn.Module:
    """Returns the model in a file, in evaluation mode; its logits are bit-identical to those of the model that was saved.

    A quantized model knows the call that made it (`format`), where its file says it.

    Args:
        path: A safetensors file of ours, an .onnx file (which ONNX Runtime will run), a folder that holds one of these, or a step of a
            store, as in "canforget-store/unlearn/3fa9c1" (`model_place.model_at`).
        expected: The architecture that the user named, if any; another one in the file is an error.
        into: A user's own float module with the shapes of the one that was saved, when the file knows no architecture; it is not changed.

    Raises:
        ArtifactError: No such file, a pickle, truncated, not ours, or of another architecture.
    """
    path = model_at(Path(path))
    if path.suffix == ".onnx":
        return known_as(open_onnx(path), str(describe_onnx(path).get("origin", {}).get("quantizer", "")))
    header, tensors = read_tensors(path)
    named = header.architecture
    if named and expected and named.name != expected:
        message = f"{len(tensors)} tensors for {named.name}, but {expected} was named; pass --model {named.name}"
        raise ArtifactError(f"{path}: {message}")
    if header.engine not in (None, COMPILED):
        return known_as(load_deployed(path, header, tensors), header.made_by)
    if named is None and into is None:
        raise ArtifactError(f"{path}: holds a module that only its author can build; pass it, untrained, as load(..., into=module)")
    model = filled_from(path, header, tensors, into)
    if header.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return known_as(Compiled(model) if header.engine == COMPILED else model.to(device).eval(), header.made_by)


def known_as(model: nn.Module, made_by: str) -> nn.Module:
    """The model; a quantized one with the call that made it."""
    if isinstance(model, QuantizedClassifier | DeployedClassifier):
        model.format = made_by or model.format
    return model


def filled_from(path: Path, header: ModelHeader, tensors: dict[str, Tensor], into: nn.Module | None) -> nn.Module:
    """The model of a header, or a copy of `into` with its quantized layers, with the tensors of the file in it."""
    try:
        if into is not None or header.architecture is None:
            model = deepcopy(into or nn.Identity())
        else:
            check_room(header.architecture, tensors)
            model = empty(named_tuples(header.architecture))
        if header.quantization is not None:
            model = skeleton(model, header.quantization)
        fill_(model, tensors, exact=True)
        check_normalization(model, header.architecture)
    except CanforgetError as problem:
        raise ArtifactError(f"{path}: {problem}") from None
    return model


def load_deployed(path: Path, header: ModelHeader, tensors: dict[str, Tensor]) -> Deployed:
    """A network that an engine runs, from the graph in a file."""
    graph = tensors.get("graph")
    if graph is None or len(tensors) > 1 or graph.dtype != torch.uint8 or graph.ndim != 1:
        raise ArtifactError(f"{path}: holds no graph for {header.engine}, but {len(tensors)} tensors; quantize the model again")
    model = open_graph(graph.numpy().tobytes(), str(path), str(header.engine))
    model.architecture = header.architecture and named_tuples(header.architecture)
    model.coverage = None if header.quantization is None else header.quantization.coverage
    return model


def check_room(wanted: Architecture, tensors: dict[str, Tensor]) -> None:
    """Refuses an architecture far larger than the file before any memory is set aside for it; a user's own code is not called twice."""
    if ":" in wanted.name:
        return
    held = sum(t.numel() * t.element_size() for t in tensors.values())
    try:
        with torch.device("meta"):
            values = sum(t.numel() for t in empty(named_tuples(wanted)).state_dict().values())
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as problem:
        if "meta" in str(problem):  # a library that looks at its own numbers while it builds
            return
        raise ArtifactError(f"{wanted.name} cannot be built as the header says ({one_line(str(problem))})") from None
    if values > 4 * held + 10_000:  # two bits are the fewest that a value takes
        raise ArtifactError(f"its header names a {wanted.name} of {values:,} values, but it holds {held:,} bytes of tensors")


def read_tensors(path: Path) -> tuple[ModelHeader, dict[str, Tensor]]:
    """Header and tensors of a model file, the tensors as they were written."""
    header, tensors = read_header(header_line(path), str(path)), file_tensors(path)
    if header.checksum != tensors_checksum(tensors):
        raise ArtifactError(
            f"{path}: its tensors are not those that were written (their checksum differs); copy it again, or write it again"
        )
    return header, tensors


def describe(path: str | Path) -> dict[str, Any]:
    """Returns what a model file says of itself, with its size in bytes and the number of its tensors; reads no tensor.

    Raises:
        ArtifactError: No such file, a pickle, truncated, or not written by canforget.
    """
    path = model_at(Path(path))
    if path.suffix == ".onnx":
        return describe_onnx(path)
    line = header_line(path)
    read_header(line, str(path))
    with opened_safetensors(path) as file:
        count = len(list(file.keys()))
    return {**json.loads(line), "bytes": path.stat().st_size, "tensors": count}


def header_line(path: Path) -> str:
    """The line of JSON in a file of ours."""
    check_format(path)
    with opened_safetensors(path) as file:
        line: str | None = (file.metadata() or {}).get(KEY)
    if line is None:
        raise ArtifactError(f"{path}: a safetensors file, but not one of canforget's; load_weights(path, architecture) reads it")
    return line


def check_format(path: Path) -> None:
    """Refuses what is missing, empty or a pickle, by its first bytes."""
    if not path.is_file():
        raise ArtifactError(f"{path}: {'is a folder; name a file' if path.is_dir() else 'no such file'}")
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise ArtifactError(f"{path}: empty")
    if start[8:] != b"{" and (start[:4] == b"PK\x03\x04" or start[:1] == b"\x80"):
        raise ArtifactError(
            f"{path}: a pickle, which can run code when it is read; pass --pickle (in Python: load_pickle), which reads its weights only"
        )


def opened_safetensors(path: Path) -> Any:
    """An open safetensors file; one clear line when it is none or cut off."""
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as problem:
        raise ArtifactError(f"{path}: not a whole safetensors file ({one_line(str(problem))}); copy or write it again") from None


def file_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file."""
    with opened_safetensors(path) as file:
        try:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file is no mapping)
        except (SafetensorError, RuntimeError, AttributeError, KeyError, TypeError, ValueError) as problem:
            raise ArtifactError(f"{path}: holds tensors that torch cannot read ({one_line(str(problem))}); write it again") from None


def named_tuples(plain: Architecture) -> Architecture:
    """An architecture as JSON gave it, the lists among its hyperparameters made tuples again."""
    return replace(plain, parameters={key: tupled(value) for key, value in plain.parameters.items()})


def tupled(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(tupled(v) for v in value) if isinstance(value, list) else value


def empty(a: Architecture) -> Classifier:
    """A classifier of the architecture, to be filled: a pretrained one is not fetched again."""
    parameters = a.parameters | ({"pretrained": False} if a.parameters.get("pretrained") else {})
    model = build(a.name, a.num_classes, a.image_shape, rng=generator("artifact"), mean=a.mean, std=a.std, parameters=parameters)
    model.architecture = replace(a)
    return model


def fill_(model: nn.Module, tensors: dict[str, Tensor], *, exact: bool) -> None:
    """Puts the tensors of a file into a model of the same structure; see `check_tensors` for what is refused."""
    state = model.state_dict()
    for name, layer in coded_layers(model).items():
        assert layer.grid is not None
        del state[f"{name}.layer.weight"]
        unpack_layer_(tensors, name, layer, state[f"{name}.codes"])
    check_tensors(state, tensors, exact=exact)
    model.load_state_dict(tensors, strict=False)
    for layer in coded_layers(model).values():
        layer.refresh_()
    check_values(model)


def unpack_layer_(tensors: dict[str, Tensor], name: str, layer: QuantizedLayer, like: Tensor) -> None:
    """Unpacks the codes, scales and zero points of a layer in place, where they are there and of the size that packing gives."""
    assert layer.grid is not None
    codes, scale, zero = (tensors.get(f"{name}.{key}") for key in ("codes", "scale", "zero_point"))
    packed = codes is not None and codes.dtype == torch.uint8 and codes.numel() == -(-like.numel() * layer.grid.bits // 8)
    if codes is not None and packed and layer.grid.kind in PACKED:
        tensors[f"{name}.codes"] = unpack(codes, layer.grid.lowest, layer.grid.bits, like)
    whole = tensors.get(f"{name}.whole")
    if whole is not None and (whole.ndim or whole.dtype != torch.float32):
        raise ArtifactError(f"'{name}.whole' is {list(whole.shape)} {whole.dtype}, and one float32 is wanted; write the file again")
    if scale is not None and (layer.grid.scales == "float32") != (scale.dtype == torch.uint8):
        tensors[f"{name}.scale"] = unpack_scales(scale, tensors.pop(f"{name}.whole", None), layer.grid.scales)
    if zero is not None and zero.dtype == torch.uint8:
        tensors[f"{name}.zero_point"] = zero.float()


def hash_tensors(model: nn.Module) -> str:
    """Returns the SHA-256 of all tensors of a model in hexadecimal: names, dtypes, shapes and bytes, in the order of the names."""
    return tensors_checksum(model.state_dict())
