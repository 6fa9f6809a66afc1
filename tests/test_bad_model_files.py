"""Malformed model files, weights of others and ONNX files: exit code 2, one line that names the file and the fault, nothing written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes

from canforget import open_split, quantize
from canforget.cli.app import main
from canforget.deployment.model_file import save
from canforget.deployment.onnx_graph import export
from canforget.deployment.tensor_checks import tensors_checksum
from canforget.network.build import build
from canforget.rng import generator

SCENARIO = "whole_class:classes=3"
ORIGIN = {"dataset": "digits", "scenario": SCENARIO, "split_seed": 0}
FORMATS = {
    "float": "", "int8": "int", "int4": "int:bits=4", "float8": "float8", "float4": "float4", "half": "float16", "graph": "onnx_int8",
    "affine": "int:bits=4,symmetric=false,granularity=per_group,group_size=16",
}  # fmt: skip
USES: dict[str, list[str]] = {
    "evaluate": ["evaluate", "FILE"],
    "unlearn": ["unlearn", "FILE", "--unlearner", "nothing", "--scenario", SCENARIO, "--out", "out.safetensors"],
    "quantize": ["quantize", "FILE", "--quantizer", "int:bits=4", "--out", "out.safetensors"],
    "sweep-bits": ["sweep-bits", "FILE", "--bits", "8"],
    "adopt": ["adopt", "FILE", "--model", "tiny_cnn", "--dataset", "digits", "--out", "out.safetensors"],
    "pickle": ["adopt", "FILE", "--pickle", "--model", "tiny_cnn", "--dataset", "digits", "--out", "out.safetensors"],
    "onnx": ["evaluate", "FILE", "--dataset", "digits", "--scenario", SCENARIO],
}
Parts = tuple[dict[str, Any], dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of every format, as bytes."""
    folder = tmp_path_factory.mktemp("bases")
    split = open_split("digits", SCENARIO)
    model = build("tiny_cnn", 10, (1, 8, 8), rng=generator("bad files"), mean=(0.3,), std=(0.4,)).eval()
    classes = list("0123456789")
    made = {name: quantize(model, split, quantizer) if quantizer else model for name, quantizer in FORMATS.items()}
    found = {name: save(m, folder / name, origin=ORIGIN, classes=classes).read_bytes() for name, m in made.items()}
    torch.save(model.net.state_dict(), folder / "weights.pth")
    found["pickle"] = (folder / "weights.pth").read_bytes()
    found["foreign"] = to_bytes({name: t.clone() for name, t in model.net.state_dict().items()})
    found["onnx"] = export(made["int8"], folder / "m.onnx", origin=ORIGIN, classes=classes).read_bytes()
    return found


def opened_parts(content: bytes, path: Path) -> Parts:
    path.write_bytes(content)
    with safe_open(path, framework="pt") as file:
        return json.loads((file.metadata() or {}).get("canforget", "{}")), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def header(place: str, value: Any) -> Callable[[Parts], None]:
    """A change of one field of the header; `...` takes it away."""

    def change(parts: Parts) -> None:
        *folders, last = place.split("/")
        inner: Any = parts[0]
        for name in folders:
            inner = inner[name]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value

    return change


def tensor(name: str, new: Callable[[torch.Tensor], torch.Tensor] | None) -> Callable[[Parts], None]:
    """A change of one tensor; None takes it away."""

    def change(parts: Parts) -> None:
        if new is None:
            del parts[1][name]
        else:
            parts[1][name] = new(parts[1].get(name, torch.ones(2))).contiguous()

    return change


def filled(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda t: torch.full_like(t, value)


def first(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """The tensor with another first element."""

    def change(t: torch.Tensor) -> torch.Tensor:
        t = t.clone()
        t.view(-1)[0] = value
        return t

    return change


def cast(dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda t: t.float().to(dtype)


def longer(t: torch.Tensor) -> torch.Tensor:
    return torch.cat([t.flatten(), t.flatten()[:1]])


def no_weights(parts: Parts) -> None:
    for name, t in parts[1].items():
        if t.ndim > 1 and "normalize" not in name:
            parts[1][name] = torch.zeros_like(t)


NAN, INF = float("nan"), float("inf")
FIRST, LAST = "net.0.0.weight", "net.8.weight"
GRID = "quantization/layers/net.0.0/weights"
READER = "net.0.0.readers.0"
Change = Callable[[Parts], None]
CHANGED: list[tuple[str, Change, str]] = [
    *[("float", header("version", v), says) for v, says in (
        (..., "version: field required"), (None, "version: input should be a valid integer"), ("1", "version: input should be a valid integer"),
        (0, "version: input should be greater than or equal to 1"), (True, "version: input should be a valid integer"),
        (2, "written by a later canforget"), (1.5, "version: input should be a valid integer"))],
    *[("float", header("architecture", v), says) for v, says in (
        (..., "architecture: field required"), (None, "holds a module that only its author can build"),
        ("tiny_cnn", "architecture: input should be"), ([], "architecture: input should be"), (7, "architecture: input should be"))],
    *[("float", header("architecture/name", v), says) for v, says in (
        (..., "architecture.name: field required"), (None, "architecture.name: input should be a valid string"),
        ("tiny_cmm", "did you mean 'tiny_cnn'?"), ("resnet20", "no tensor"), ("", "no ''"), ("os.py:system", "no such file as os.py"),
        ("timm/no_such_net", "timm has no model"), ("plugin/mine", "no 'plugin/mine'"), ("../tiny_cnn", "no '../tiny_cnn'"))],
    *[("float", header("architecture/num_classes", v), says) for v, says in (
        (..., "architecture.num_classes: field required"), ("10", "num_classes: input should be a valid integer"), (0, "0 classes"),
        (-3, "-3 classes"), (11, "10 class names, but an architecture of 11"), (10**30, "cannot be"), (2.5, "num_classes: input should be"))],
    *[("float", header("architecture/image_shape", v), says) for v, says in (
        ([1, 8], "image_shape"), ([1, 8, 0], "1 x 8 x 0 images"), ([1, 8, "8"], "image_shape.2: input should be a valid integer"),
        ([2, 8, 8], "is [16, 1, 3, 3], but the architecture has [16, 2, 3, 3]"), (None, "image_shape"), (64, "image_shape"))],
    *[("float", header(f"architecture/{key}", v), says) for key, v, says in (
        ("mean", [], "0 means and 1 deviations"), ("mean", ["a"], "mean.0: input should be a valid number"), ("mean", [0.5], "its header says means"),
        ("std", [0.0], "deviations above 0"), ("std", [-1.0], "deviations above 0"), ("std", [0.1, 0.2], "1 means and 2 deviations"),
        ("std", [0.9], "its header says deviations"), ("input_size", -1, "resized to -1"), ("input_size", 224, "resized to 224, but the network"),
        ("input_size", "8", "input_size: input should be a valid integer"), ("parameters", [], "parameters: input should be"),
        ("parameters", {"widths": 8}, "tiny_cnn has no hyperparameter 'widths'"), ("parameters", {"widths": {"a": 1}}, "'widths' is no number"),
        ("parameters", {"pretrained": "x.pth"}, "no hyperparameter 'pretrained'"), ("color", "red", "unexpected keyword"))],
    *[("float", header(key, v), says) for key, v, says in (
        ("engine", "cuda", "engine: input should be"), ("engine", 3, "engine: input should be"), ("engine", "onnxruntime", "holds no graph"),
        ("channels_last", "no", "channels_last: input should be a valid boolean"), ("checksum", ..., "checksum: field required"),
        ("checksum", "abc", "checksum: string should match"), ("checksum", None, "checksum: input should be"),
        ("classes", "0123456789", "classes: input should be"), ("classes", ["a", "b"], "2 class names"), ("classes", [1] * 10, "classes.0"),
        ("origin", [], "origin: input should be"), ("origin", None, "origin: input should be"), ("origin/dataset", 3, "origin.dataset"),
        ("origin/dataset", "digts", "did you mean 'digits'?"), ("origin/dataset", ..., "does not say its dataset; pass --dataset"),
        ("origin/scenario", ["x"], "origin.scenario"), ("origin/split_seed", "0", "origin.split_seed"), ("origin/split_seed", 1.5, "origin.split_seed"))],
    *[("int8", header(key, v), says) for key, v, says in (
        ("quantization", None, "no tensor"), ("quantization", [], "quantization: input should be"), ("quantization", {}, "quantization.layers: field required"),
        ("quantization/layers", [], "quantization.layers"), ("quantization/layers", {}, "no tensor"),
        ("quantization/layers/net.99", {"weights": None, "readers": []}, "no layer 'net.99'"),
        (f"{GRID}/bits", "8", "weights.bits: input should be a valid integer"), (f"{GRID}/bits", 9, "bits must be 2 to 8, not 9"),
        (f"{GRID}/bits", 4, "'net.0.0.codes' is"), (f"{GRID}/kind", "int3", "no format 'int3'"), (f"{GRID}/kind", 3, "weights.kind"),
        (f"{GRID}/granularity", "per_row", "no granularity 'per_row'"), (f"{GRID}/granularity", "per_tensor", "'net.0.0.scale' is"),
        (f"{GRID}/scales", "e9m9", "scales 'e9m9'"), (f"{GRID}/symmetric", "yes", "weights.symmetric: input should be a valid boolean"),
        (f"{GRID}/group_size", 10**9, "groups of 1000000000 weights"), (f"{GRID}/kind", "e4m3", "'net.0.0.codes'"),
        ("quantization/coverage", 7, "quantization.coverage"))],
    *[("float", tensor(name, new), says) for name, new, says in (
        (FIRST, None, f"no tensor '{FIRST}'"), (FIRST, longer, f"'{FIRST}' is [145]"), (FIRST, first(NAN), f"'{FIRST}' is not finite (1 of 144"),
        (FIRST, filled(INF), f"'{FIRST}' is not finite (144 of 144"), (LAST, first(-INF), f"'{LAST}' is not finite"),
        (FIRST, cast(torch.int32), f"'{FIRST}' is int32, but the architecture has float32"), (FIRST, cast(torch.float16), f"'{FIRST}' is float16"),
        (FIRST, cast(torch.float64), f"'{FIRST}' is float64"), (FIRST, cast(torch.float8_e4m3fn), f"'{FIRST}' is float8_e4m3fn"),
        (FIRST, cast(torch.bool), f"'{FIRST}' is bool"), (FIRST, cast(torch.complex64), f"'{FIRST}' is complex64"),
        ("net.8.bias", first(NAN), "'net.8.bias' is not finite"), ("net.0.1.running_var", filled(-1.0), "'net.0.1.running_var' has variances below 0"),
        ("net.0.1.running_var", first(NAN), "'net.0.1.running_var' is not finite"), ("net.0.1.running_mean", filled(NAN), "'net.0.1.running_mean' is not"),
        ("net.0.1.num_batches_tracked", cast(torch.float32), "'net.0.1.num_batches_tracked' is float32"), ("zz", filled(1.0), "'zz' among them"),
        ("normalize.std", filled(0.0), "'normalize.std' has deviations that are not above 0"), ("normalize.std", filled(-1.0), "'normalize.std' has"),
        ("normalize.mean", filled(0.7), "its header says means"), ("normalize.mean", filled(NAN), "'normalize.mean' is not finite"))],
    ("float", no_weights, "every weight is 0"),
    *[(base, tensor(name, new), says) for base, name, new, says in (
        ("int8", "net.0.0.codes", None, "no tensor 'net.0.0.codes'"), ("int8", "net.0.0.codes", longer, "'net.0.0.codes' is [145]"),
        ("int8", "net.0.0.codes", first(255), "'net.0.0.codes' has codes out of -127 to 127"), ("int8", "net.0.0.codes", cast(torch.float32), "'net.0.0.codes' is"),
        ("int4", "net.0.0.codes", filled(255), "'net.0.0.codes' has codes out of -7 to 7"), ("int4", "net.8.codes", None, "no tensor 'net.8.codes'"),
        ("float8", "net.0.0.codes", first(127), "codes that stand for NaN"), ("float8", "net.8.codes", filled(255), "codes that stand for NaN"),
        ("half", "net.0.0.codes", filled(0x7E00), "codes that stand for NaN"), ("half", "net.0.0.codes", cast(torch.int32), "'net.0.0.codes' is int32"),
        ("int8", "net.0.0.scale", filled(0.0), "'net.0.0.scale' has scales that are not above 0"), ("int8", "net.0.0.scale", first(-1.0), "not above 0"),
        ("int8", "net.0.0.scale", first(NAN), "'net.0.0.scale' is not finite"), ("int8", "net.0.0.scale", None, "no tensor 'net.0.0.scale'"),
        ("int4", "net.8.scale", longer, "'net.8.scale' is [11]"), ("int4", "net.8.scale", cast(torch.uint8), "'net.8.scale' is"),
        ("int8", f"{READER}.scale", filled(0.0), f"'{READER}.scale' is not above 0"), ("int8", f"{READER}.scale", filled(NAN), f"'{READER}.scale' is not"),
        ("int8", f"{READER}.zero_point", filled(-1.0), f"'{READER}.zero_point' is no integer from 0 to 255"),
        ("int8", f"{READER}.zero_point", filled(0.5), "is no integer"), ("int8", f"{READER}.zero_point", filled(256.0), "is no integer"),
        ("float8", f"{READER}.zero_point", filled(1.0), "is not 0 on a grid without one"), ("int8", f"{READER}.zero_point", None, "no tensor"),
        ("affine", "net.0.0.zero_point", filled(200), "'net.0.0.zero_point' has zero points out of -16 to 32"),
        ("affine", "net.0.0.zero_point", None, "no tensor 'net.0.0.zero_point'"), ("affine", "net.0.0.scale", filled(NAN), "is not finite"),
        ("float4", "net.0.0.whole", filled(NAN), "'net.0.0.scale' is not finite"), ("float4", "net.0.0.whole", filled(0.0), "not above 0"),
        ("float4", "net.0.0.whole", None, "'net.0.0.scale' is uint8"), ("float4", "net.0.0.whole", lambda t: t.repeat(2), "'net.0.0.whole' is [2]"),
        ("float4", "net.0.0.whole", cast(torch.float64), "one float32 is wanted"), ("int8", "net.0.0.layer.bias", filled(NAN), "layer.bias' is not finite"),
        ("graph", "graph", None, "holds no graph"), ("graph", "graph", lambda t: t[:100], "not a whole ONNX file"),
        ("graph", "graph", cast(torch.float32), "holds no graph"), ("graph", "zz", filled(1.0), "holds no graph"), ("graph", "graph", filled(7), "not a whole ONNX"))],
]  # fmt: skip
BYTES: list[tuple[str, str, Callable[[bytes], bytes], str]] = [
    (use, base, new, says)
    for use, base, cases in (
        ("evaluate", "float", [
            (lambda b: b"", "empty"), (lambda b: b[:4], "not a whole safetensors"), (lambda b: b[:500], "not a whole safetensors"),
            (lambda b: b[:-1], "not a whole safetensors"), (lambda b: b + b"x", "not a whole safetensors"), (lambda b: b"\xff" * 8 + b[8:], "not a whole"),
            (lambda b: b"\0" * len(b), "not a whole safetensors"), (lambda b: b"PK\x03\x04" + b[4:8] + b"x" + b[9:], "a pickle"),
            (lambda b: b[:-40] + bytes([b[-40] ^ 1]) + b[-39:], "its tensors are not those that were written"),
            (lambda b: b"hello world", "not a whole"), (lambda b: b[:8] + b"[" + b[9:], "not a whole")]),
        ("evaluate", "foreign", [(lambda b: b, "not one of canforget's")]),
        ("evaluate", "pickle", [(lambda b: b, "a pickle, which can run code")]),
        ("adopt", "pickle", [(lambda b: b, "a pickle, which can run code")]),
        ("adopt", "foreign", [(lambda b: b[:700], "not a whole safetensors"), (lambda b: b"", "empty")]),
        ("adopt", "int8", [(lambda b: b, "no tensor")]),
        ("pickle", "pickle", [
            (lambda b: b"", "not a readable checkpoint"), (lambda b: b[: len(b) // 2], "not a readable checkpoint"), (lambda b: b[:30], "not a readable"),
            (lambda b: b"\x80\x02garbage", "save "), (lambda b: b"hello", "save "), (lambda b: b[:-30], "not a readable checkpoint")]),
        ("pickle", "foreign", [(lambda b: b, "save ")]),
        ("onnx", "onnx", [(lambda b: b[:100], "not a whole ONNX file"), (lambda b: b"", "empty"), (lambda b: b"\xff" + b, "not a whole ONNX file")]),
        ("unlearn", "int8", [(lambda b: b, "quantized already")]), ("quantize", "int8", [(lambda b: b, "quantized already")]),
        ("sweep-bits", "int4", [(lambda b: b, "quantized already")]), ("unlearn", "graph", [(lambda b: b, "has no float weights")]),
        ("quantize", "graph", [(lambda b: b, "has no float weights")]), ("sweep-bits", "graph", [(lambda b: b, "has no float weights")]),
        ("unlearn", "onnx", [(lambda b: b, "has no float weights")]), ("quantize", "onnx", [(lambda b: b, "has no float weights")]),
    )
    for new, says in cases
]  # fmt: skip


def assert_refused(capsys: Any, folder: Path, path: Path, use: str, says: str) -> None:
    """Asserts that a use of a file is refused in one line, and that nothing is written."""
    before = sorted(folder.iterdir())
    with pytest.raises(SystemExit) as left:
        main([path.name if word == "FILE" else word for word in USES[use]])
    out = capsys.readouterr()
    assert (left.value.code, out.out, out.err.count("\n")) == (2, "", 1), out.err
    assert says in out.err
    assert len(out.err) < 600
    assert sorted(folder.iterdir()) == before


IDS = [f"{i}-{base}-{says[:30]}" for i, (base, _, says) in enumerate(CHANGED)]


@pytest.mark.parametrize(("number", "row"), list(enumerate(CHANGED)), ids=IDS)
def test_a_model_file_with_one_thing_wrong_is_refused_by_its_name(
    number: Any, row: Any, bases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """NaN weights, negative variances and codes off the grid were used without a word; headers of other types gave tracebacks."""
    base, change, says = row
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.safetensors"
    about, tensors = opened_parts(bases[base], path)
    change((about, tensors))
    if about.get("checksum") not in (..., "abc", None):
        about["checksum"] = tensors_checksum(tensors)
    path.write_bytes(to_bytes(tensors, {"canforget": json.dumps(about)}))
    use = ("evaluate", "unlearn", "quantize", "sweep-bits")[number % 4] if base == "float" else "evaluate"
    assert_refused(capsys, tmp_path, path, use, says)


@pytest.mark.parametrize("row", BYTES, ids=[f"{use}-{base}-{says[:24]}" for use, base, _, says in BYTES])
def test_a_file_that_is_cut_off_flipped_or_of_another_kind_is_refused(
    row: Any, bases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped bit in a weight gave other figures without a word; a quantized model was unlearned on its folded floats."""
    use, base, new, says = row
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ({"onnx": "m.onnx", "pickle": "m.pth"}.get(use if use == "pickle" else base, "m.safetensors"))
    path.write_bytes(new(bases[base]))
    assert_refused(capsys, tmp_path, path, use, says)


LINES = [
    "",
    "[]",
    "3",
    "null",
    '"x"',
    "{",
    '{"version": NaN}',
    '{"a": Infinity}',
    "[" * 100_000,
    "{}",
    '{"version": 1}',
    "\x00",
    "{'a': 1}",
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_header_that_is_no_json_object_is_refused(
    line: Any, bases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nesting without end gave a RecursionError."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.safetensors"
    _, tensors = opened_parts(bases["float"], path)
    path.write_bytes(to_bytes(tensors, {"canforget": line}))
    assert_refused(capsys, tmp_path, path, "evaluate", "m.safetensors: its header")


PICKLES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda s: list(s.values()), "holds no state dict, but a list"), (lambda s: 3, "holds no state dict, but a int"), (lambda s: {}, "holds no state dict"),
    (lambda s: s | {"epoch": 3}, "holds no state dict, but the keys"), (lambda s: {"state_dict": {"a": 1}}, "but the keys a"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"].int()}, "'0.0.weight' is int32, but the architecture has float32"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"] * NAN}, "'0.0.weight' is not finite"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"] * 0}, "0.0.weight' is 0 throughout"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"].to_sparse()}, "'0.0.weight' holds no plain values"),
    (lambda s: s | {"0.0.weight": torch.zeros(1).expand(10**6, 10**6)}, "'0.0.weight' is [1000000, 1000000]"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"].to("meta")}, "'0.0.weight' holds no plain values"),
    (lambda s: s | {"0.0.weight": s["0.0.weight"].double() * 1e300}, "'0.0.weight' is not finite"),
    (lambda s: s | {"8.weight": torch.ones(100, 64)}, "'8.weight' is [100, 64]"), (lambda s: s | {"0.1.running_var": -s["0.1.running_var"]}, "below 0"),
    (lambda s: {k: v for k, v in s.items() if k != "8.bias"}, "no tensor '8.bias'"), (lambda s: s | {"more": torch.ones(1)}, "'more' among them"),
    (lambda s: {f"backbone.{k}": v for k, v in s.items()}, "no tensor '0.0.weight'"), (lambda s: {3: torch.ones(1)}, "no tensor"),
    (lambda s: torch.nn.Linear(2, 2), "refused, for reading it would call"), (lambda s: {"model": s, "args": Path("x")}, "refused, for reading"),
]  # fmt: skip


@pytest.mark.parametrize("row", PICKLES, ids=[says[:40] for _, says in PICKLES])
def test_a_checkpoint_of_others_with_one_thing_wrong_is_refused(
    row: Any, bases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Integer weights became float32 in silence, and zero weights a net that knows nothing."""
    new, says = row
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.pth"
    path.write_bytes(bases["pickle"])
    torch.save(new(dict(torch.load(path, weights_only=True))), path)
    assert_refused(capsys, tmp_path, path, "pickle", says)


def graph_with(**changed: Any) -> bytes:
    """An ONNX graph of others with one thing other than wanted: pixels uint8 [n, 1, 8, 8] in, float logits [n, 10] out."""
    from onnx import TensorProto, helper, numpy_helper

    said: dict[str, Any] = {
        "input": TensorProto.UINT8,
        "output": TensorProto.FLOAT,
        "shape": ["n", 1, 8, 8],
        "domain": "",
        "classes": 10,
        "meta": None,
    } | changed
    weight = torch.ones(64, said["classes"]).numpy()
    nodes = [
        helper.make_node("Cast", ["pixels"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Cast" if not said["domain"] else "Mine", ["product"], ["logits"], domain=said["domain"], to=said["output"]),
    ]
    inputs = [helper.make_tensor_value_info("pixels", said["input"], said["shape"])]
    outputs = [helper.make_tensor_value_info("logits", said["output"], [said["shape"][0], said["classes"]])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(weight, "w")])
    opsets = [helper.make_opsetid("", 18)] + ([helper.make_opsetid(said["domain"], 1)] if said["domain"] else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    if said["meta"] is not None:
        helper.set_model_props(model, {"canforget": said["meta"]})
    return bytes(model.SerializeToString())


ONNX: list[tuple[dict[str, Any], str]] = [
    ({"input": 1}, "takes float images, but is handed raw pixels"), ({"input": 3}, "takes int8 images"), ({"shape": [1, 1, 8, 8]}, "takes batches of 1 only"),
    ({"shape": ["n", 64]}, "has 2 axes where images"), ({"shape": ["n", 3, 8, 8]}, "onnxruntime cannot run this graph"),
    ({"shape": ["n", 1, 28, 28]}, "onnxruntime cannot run this graph"), ({"output": 7}, "puts out int64, not float32 logits"),
    ({"domain": "my.company"}, "calls operators of its author's own (my.company.Mine)"), ({"classes": 3}, "knows 3 classes, and this data set has 10"),
    ({"classes": 1000}, "knows 1000 classes, and this data set has 10"), ({"meta": "[]"}, "its metadata is no JSON object"),
    ({"meta": "{"}, "its metadata is not valid JSON"), ({"meta": '{"origin": 3}'}, "its metadata cannot be: origin"),
    ({"meta": '{"classes": [1]}'}, "its metadata cannot be: classes.0"), ({"meta": '{"origin": {"split_seed": "a"}}'}, "origin.split_seed"),
]  # fmt: skip


@pytest.mark.parametrize("row", ONNX, ids=[says[:40] for _, says in ONNX])
def test_an_onnx_file_that_cannot_be_asked_as_ours_is_refused(
    row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Engines raise exceptions of their own over other channels, fixed batches and operators that they do not know."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    changed, says = row
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.onnx"
    path.write_bytes(graph_with(**changed))
    assert_refused(capsys, tmp_path, path, "onnx", says)


@pytest.mark.parametrize("use", ["evaluate", "unlearn", "quantize", "sweep-bits"])
def test_a_model_on_other_channels_is_refused_by_its_name(
    use: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A net for color pictures meets grey digits: torch would speak of the size of a weight."""
    monkeypatch.chdir(tmp_path)
    color = build("tiny_cnn", 10, (3, 8, 8), rng=generator("color"), mean=(0.3,) * 3, std=(0.4,) * 3).eval()
    path = save(color, tmp_path / "m.safetensors", origin=ORIGIN, classes=list("0123456789"))
    assert_refused(capsys, tmp_path, path, use, "was made for images of")
