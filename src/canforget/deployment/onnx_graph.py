"""ONNX export in QDQ form (uint8 pixels in, normalization inside), and inference in ONNX Runtime and OpenVINO."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from canforget.deployment.integer_kernels import run_on_integers
from canforget.deployment.onnx_checks import KEY, check_graph, engine_errors, facts_of, parse_onnx
from canforget.deployment.operators import operators, writable
from canforget.deployment.optional import needed, quietly
from canforget.errors import ArtifactError, SpecError, did_you_mean
from canforget.file_io import write_atomically
from canforget.network.classifier import Architecture, Normalize
from canforget.quantization.coverage import Coverage
from canforget.quantization.quantized import DeployedClassifier, coverage

ENGINES = ("onnxruntime", "openvino")
OPSET = 18
RESERVED = {"input", "preprocessing", "output", "bytes", "tensors"}


class Deployed(DeployedClassifier):
    """A network in an ONNX graph, run by an engine on the CPU: raw uint8 pixels in, float32 logits out, like any model.

    Limits: no gradients, no weights to look at. On processors without VNNI instructions ONNX Runtime's sums of u8 x s8 products may
    saturate, so that logits differ from the simulation's.
    """

    graph: Tensor

    def __init__(
        self,
        graph: bytes | Tensor,
        engine: str = "onnxruntime",
        architecture: Architecture | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        if engine not in ENGINES:
            raise SpecError(f"no engine '{engine}'{did_you_mean(engine, ENGINES)}")
        super().__init__(engine, architecture, coverage)
        self.register_buffer("graph", graph if isinstance(graph, Tensor) else torch.frombuffer(bytearray(graph), dtype=torch.uint8))
        self._run: Callable[[Any], Any] | None = None
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        with engine_errors(self.engine):
            if self._run is None:
                content = self.graph.cpu().numpy().tobytes()
                self._run = (in_onnxruntime if self.engine == "onnxruntime" else in_openvino)(content, torch.get_num_threads())
            return torch.from_numpy(self._run(x.cpu().contiguous().numpy())).to(x.device)

    def __getstate__(self) -> dict[str, Any]:
        """The session stays behind when the module is copied; the copy opens its own."""
        return {**self.__dict__, "_run": None}


def in_onnxruntime(content: bytes, threads: int) -> Callable[[Any], Any]:
    """A function from pixels to logits in ONNX Runtime."""
    runtime = needed("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def in_openvino(content: bytes, threads: int) -> Callable[[Any], Any]:
    """A function from pixels to logits in OpenVINO; what stays in float is float32 there too."""
    openvino = needed("openvino", "openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = openvino.Core().compile_model(openvino.Core().read_model(content), "CPU", settings)
    return lambda x: compiled(x)[0].copy()


def export(model: nn.Module, path: str | Path, *, image_shape: tuple[int, int, int] | None = None, **meta: Any) -> Path:
    """Writes `model` as an .onnx file that any engine runs: raw uint8 pixels [n, c, h, w] in, float32 logits out; returns the path.

    Normalization (and resizing) are part of the graph, and the file's metadata say so: whoever runs it must not normalize again.
    What our quantizers rounded becomes pairs of QuantizeLinear and DequantizeLinear with our scales, weights as 8-bit integers, which
    engines fuse into integer convolutions and sums. A float model is written as it is.

    Args:
        image_shape: Channels, height and width in pixels; needed for a model that knows no architecture.
        meta: Plain JSON that the file is to say about itself.

    Raises:
        SpecError: A format that no integer kernel runs: other than symmetric weights (per tensor or channel) and 8-bit activations; or a
            model that is in a graph already.
        ArtifactError: `meta` uses a name of ours.
    """
    path = Path(path)
    if isinstance(model, DeployedClassifier):
        raise SpecError(f"export: this model runs in {model.engine} already; export the simulated or float model that it came from")
    if taken := RESERVED & set(meta):
        raise ArtifactError(f"{path}: '{min(taken)}' is written by export itself; name it otherwise")
    write_atomically(path, onnx_model_of(model, image_shape, meta))
    return path


def deployed(model: nn.Module, engine: str, image_shape: tuple[int, int, int] | None = None) -> Deployed:
    """Returns `model` as real kernels of an engine; its coverage tells which of its layers these run on integers."""
    graph = onnx_model_of(model, image_shape, {})
    made = Deployed(graph, engine, getattr(model, "architecture", None))
    made.coverage = run_on_integers(coverage(model), graph, engine)
    return made


def open_onnx(path: str | Path, engine: str = "onnxruntime") -> Deployed:
    """Returns the network in an .onnx file, ours or another's that takes raw pixels, ready to be asked.

    Raises:
        ArtifactError: No such file, or no ONNX graph.
    """
    return open_graph(onnx_bytes(Path(path)), str(path), engine)


def open_graph(content: bytes, where: str, engine: str) -> Deployed:
    """The network in the bytes of an ONNX graph, which `check_graph` finds nothing to say against."""
    check_graph(parse_onnx(content, where), where)
    return Deployed(content, engine)


def describe_onnx(path: str | Path) -> dict[str, Any]:
    """Returns what an .onnx file says of itself: its metadata of ours if it has any, its size in bytes, the number of its tensors."""
    path = Path(path)
    graph = parse_onnx(onnx_bytes(path), str(path))
    return {**facts_of(graph, str(path)), "bytes": path.stat().st_size, "tensors": len(graph.graph.initializer)}


def onnx_bytes(path: Path) -> bytes:
    """The bytes of a file; one clear line when there is none, or nothing in it."""
    if not path.is_file():
        raise ArtifactError(f"{path}: {'is a folder; name a file' if path.is_dir() else 'no such file'}")
    if not (content := path.read_bytes()):
        raise ArtifactError(f"{path}: empty")
    return content


def onnx_model_of(model: nn.Module, image_shape: tuple[int, int, int] | None, meta: dict[str, Any]) -> bytes:
    """The ONNX graph of a model, serialized: the same model gives the same bytes."""
    needed("onnxscript", "onnx")
    known = getattr(model, "architecture", None)
    shape = image_shape or (known.image_shape if known is not None else None)
    if shape is None:
        raise SpecError("export: this model knows no image shape; pass image_shape=(channels, height, width)")
    example = torch.zeros(2, *shape, dtype=torch.uint8)
    with quietly():
        program = torch.onnx.export(
            writable(model), (example,), dynamo=True, verbose=False, opset_version=OPSET, input_names=["pixels"], output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("n")},), custom_translation_table=translations(),
        )  # fmt: skip
    assert program is not None
    graph = program.model_proto
    for node in [*graph.graph.node, *graph.graph.value_info, graph.graph]:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    graph.ClearField("metadata_props")
    graph.metadata_props.add(key=KEY, value=json.dumps({**meta, **interface(model, shape)}, sort_keys=True))
    return bytes(graph.SerializeToString(deterministic=True))


def interface(model: nn.Module, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a caller has to hand in and gets back, as the file's metadata say it: preprocessing is inside the graph.

    `preprocessing` is None for a user's own module, which takes raw pixels and does with them what it will.
    """
    normalize = getattr(model, "normalize", None)
    inside = None
    if isinstance(normalize, Normalize):
        statistics = {name: [round(float(v), 7) for v in getattr(normalize, name).flatten()] for name in ("mean", "std")}
        inside = {"inside": True, "scale": 1 / 255, **statistics, "resize": normalize.size or None}
    return {
        "input": {"name": "pixels", "dtype": "uint8", "layout": "nchw", "range": [0, 255], "shape": list(shape)},
        "preprocessing": inside,
        "output": {"name": "logits", "dtype": "float32"},
    }


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What the two operators are in ONNX."""
    from onnxscript import opset18 as op

    def read(x: Any, scale: Any, zero: Any) -> Any:
        return op.DequantizeLinear(op.QuantizeLinear(x, scale, zero), scale, zero)

    def values(codes: Any, scale: Any, zero: Any, axis: int) -> Any:
        return op.DequantizeLinear(codes, scale, zero, axis=axis)

    operators()
    return {torch.ops.canforget.read.default: read, torch.ops.canforget.values.default: values}
