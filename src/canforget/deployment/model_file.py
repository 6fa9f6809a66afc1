"""Model files: safetensors with codes, scales and one line of JSON that says what the model is and where it came from."""

import hashlib
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
from canforget.deployment.onnx_graph import Deployed, describe_onnx, open_onnx
from canforget.deployment.packing import pack, pack_scales, unpack, unpack_scales
from canforget.errors import ArtifactError, did_you_mean
from canforget.file_io import write_atomically
from canforget.network.build import build
from canforget.network.classifier import Architecture, Classifier
from canforget.quantization.coverage import Coverage
from canforget.quantization.layer import QuantizedLayer, skeleton, structure
from canforget.rng import generator

KEY = "canforget"
VERSION = 1
RESERVED = {"version", "architecture", "quantization", "channels_last", "engine", "tensors", "bytes"}
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
    engine, model = getattr(model, "engine", None), simulation(model)
    architecture = getattr(model, "architecture", None)
    about = {
        **meta,
        "version": VERSION,
        "architecture": None if architecture is None else asdict(architecture),
        "quantization": quantization(model),
        "engine": engine,
        "channels_last": any(strictly_channels_last(p) for p in model.parameters()),
    }
    try:
        line = json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise ArtifactError(f"{path}: what is said about a model must be plain JSON: {problem}") from None
    write_atomically(path, to_bytes(stored(model), {KEY: line}))
    return path


def quantization(model: nn.Module) -> dict[str, Any] | None:
    """What `skeleton` and `coverage` need, or None for a model that is not quantized."""
    layers = structure(model)
    known = getattr(model, "coverage", None)
    if not layers and not isinstance(known, Coverage):
        return None
    return {"layers": layers, "coverage": known.to_json() if isinstance(known, Coverage) else None}


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
        if zero is not None and torch.equal(zero, zero.round()):
            tensors[f"{name}.zero_point"] = zero.to(torch.uint8)
    return tensors


def coded_layers(model: nn.Module) -> dict[str, QuantizedLayer]:
    """The layers whose weights are codes, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, QuantizedLayer) and m.codes is not None}


def load(path: str | Path, device: torch.device | str = "cpu", *, expected: str = "", into: nn.Module | None = None) -> nn.Module:
    """Returns the model in a file, in evaluation mode; its logits are bit-identical to those of the model that was saved.

    Args:
        path: A safetensors file of ours, or an .onnx file (which ONNX Runtime will run).
        expected: The architecture that the user named, if any; another one in the file is an error.
        into: A user's own float module with the shapes of the one that was saved, when the file knows no architecture; it is not changed.

    Raises:
        ArtifactError: No such file, a pickle, truncated, not ours, or of another architecture.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return open_onnx(path)
    about = describe(path)
    named = about["architecture"]
    if named and expected and named["name"] != expected:
        message = f"{about['tensors']} tensors for {named['name']}, but {expected} was named; pass --model {named['name']}"
        raise ArtifactError(f"{path}: {message}")
    if about.get("engine") not in (None, COMPILED):
        return load_deployed(path, about)
    if named is None and into is None:
        raise ArtifactError(f"{path}: holds a module that only its author can build; pass it, untrained, as load(..., into=module)")
    model = deepcopy(into) if into is not None else empty(architecture_of(named))
    quantized = about["quantization"]
    if quantized:
        model = skeleton(model, quantized["layers"])
    fill_(model, tensors_of(path), str(path))
    if quantized and quantized["coverage"]:
        model.__dict__["coverage"] = Coverage.of(quantized["coverage"])
    if about["channels_last"]:
        model = model.to(memory_format=torch.channels_last)
    return Compiled(model) if about.get("engine") == COMPILED else model.to(device).eval()


def load_deployed(path: Path, about: dict[str, Any]) -> Deployed:
    """A network that an engine runs, from the graph in a file."""
    model = Deployed(tensors_of(path)["graph"], about["engine"])
    model.__dict__["architecture"] = about["architecture"] and architecture_of(about["architecture"])
    model.__dict__["coverage"] = about["quantization"] and Coverage.of(about["quantization"]["coverage"])
    return model


def describe(path: str | Path) -> dict[str, Any]:
    """Returns what a model file says of itself, with its size in bytes and the number of its tensors; reads no tensor.

    Raises:
        ArtifactError: No such file, a pickle, truncated, or not written by canforget.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return describe_onnx(path)
    check_format(path)
    with opened(path) as file:
        line, count = (file.metadata() or {}).get(KEY), len(list(file.keys()))
    if line is None:
        raise ArtifactError(f"{path}: a safetensors file, but not one of canforget's; load_weights(path, architecture) reads it")
    about: dict[str, Any] = json.loads(line)
    if about["version"] > VERSION:
        raise ArtifactError(f"{path}: written by a later canforget (format {about['version']}, here {VERSION}); upgrade canforget")
    return {**about, "bytes": path.stat().st_size, "tensors": count}


def check_format(path: Path) -> None:
    """Refuses what is missing, empty or a pickle, by its first bytes."""
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file")
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise ArtifactError(f"{path}: empty")
    if start[8:] != b"{" and (start[:4] == b"PK\x03\x04" or start[:1] == b"\x80"):
        raise ArtifactError(f"{path}: a pickle, which can run code when it is read; load_pickle(path, architecture) reads its weights only")


def opened(path: Path) -> Any:
    """An open safetensors file; one clear line when it is none or cut off."""
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as problem:
        raise ArtifactError(f"{path}: not a whole safetensors file ({problem}); copy or write it again") from None


def tensors_of(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file."""
    with opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file is no mapping)


def architecture_of(plain: dict[str, Any]) -> Architecture:
    """An architecture from its JSON, lists made tuples again."""
    parameters = {key: tupled(value) for key, value in plain["parameters"].items()}
    return Architecture(**{key: tupled(value) for key, value in plain.items()} | {"parameters": parameters})


def tupled(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(tupled(v) for v in value) if isinstance(value, list) else value


def empty(a: Architecture) -> Classifier:
    """A classifier of the architecture, to be filled: a pretrained one is not fetched again."""
    parameters = a.parameters | ({"pretrained": False} if a.parameters.get("pretrained") else {})
    model = build(a.name, a.num_classes, a.image_shape, rng=generator("artifact"), mean=a.mean, std=a.std, parameters=parameters)
    model.architecture = replace(a)
    return model


def fill_(model: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Puts the tensors of a file into a model of the same structure."""
    state = model.state_dict()
    for name, layer in coded_layers(model).items():
        assert layer.grid is not None
        del state[f"{name}.layer.weight"]
        codes, scale = (tensors.get(f"{name}.{key}") for key in ("codes", "scale"))
        like = state[f"{name}.codes"]
        if codes is not None and layer.grid.kind in PACKED and codes.numel() == -(-like.numel() * layer.grid.bits // 8):
            tensors[f"{name}.codes"] = unpack(codes, layer.grid.lowest, layer.grid.bits, like)
        if scale is not None:
            tensors[f"{name}.scale"] = unpack_scales(scale, tensors.pop(f"{name}.whole", None), layer.grid.scales)
    check_tensors(state, tensors, where)
    model.load_state_dict(tensors, strict=False)
    for layer in coded_layers(model).values():
        layer.refresh_()


def check_tensors(wanted: dict[str, Tensor], found: dict[str, Tensor], where: str) -> None:
    """Refuses tensors of other names or shapes than the model's."""
    for name, tensor in wanted.items():
        if name not in found:
            raise ArtifactError(f"{where}: no tensor '{name}'{did_you_mean(name, found)}; is it of this architecture?")
        if found[name].shape != tensor.shape:
            raise ArtifactError(f"{where}: '{name}' is {list(found[name].shape)}, but the architecture has {list(tensor.shape)}")
    if extra := sorted(set(found) - set(wanted)):
        raise ArtifactError(f"{where}: {len(extra)} tensors that the architecture has not, '{extra[0]}' among them")


def hash_tensors(model: nn.Module) -> str:
    """Returns the SHA-256 of all tensors of a model in hexadecimal: names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
