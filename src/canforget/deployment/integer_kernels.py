"""Integer coverage: which layers of an ONNX graph ONNX Runtime or OpenVINO run on 8-bit integers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canforget.deployment.optional import needed
from canforget.quantization.coverage import Coverage

SUFFIXES = (".codes", ".turned")
"""What the codes of a layer's weight are called in our graphs."""
PRODUCTS = ("Conv", "Gemm", "MatMul")
INTEGER = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul")
"""What ONNX Runtime calls products of integers."""


def run_on_integers(account: Coverage, graph: bytes, engine: str) -> Coverage:
    """Returns the account with what `engine` runs on integers of a graph of ours, layer by layer."""
    found = (in_onnxruntime_kernels if engine == "onnxruntime" else in_openvino_kernels)(graph)
    return account.deployed(engine, found)


def in_onnxruntime_kernels(graph: bytes) -> set[str]:
    """Names of the layers whose codes go into integer products after ONNX Runtime has optimized the graph."""
    onnx, runtime = needed("onnx", "onnx"), needed("onnxruntime", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        options = runtime.SessionOptions()
        options.log_severity_level, options.optimized_model_filepath = 3, str(Path(folder) / "optimized.onnx")
        runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(options.optimized_model_filepath).graph.node
    return {layer for node in nodes if node.op_type in INTEGER for layer in layers_among(node.input)}


def in_openvino_kernels(graph: bytes) -> set[str]:
    """Names of the layers that OpenVINO compiles to products of 8-bit integers on this CPU."""
    openvino = needed("openvino", "openvino")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    steps = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops()]
    integer = {
        name.partition("/")[0]
        for step in steps
        if str(step["runtimePrecision"].value) in ("u8", "i8")
        for name in str(step["originalLayersNames"].value).split(",")
    }
    return {layer for layer, names in products_of(graph) if integer & names}


def products_of(graph: bytes) -> Iterator[tuple[str, set[str]]]:
    """Name of every layer with codes, with the names that its product and that one's output have in the graph."""
    nodes = needed("onnx", "onnx").load_from_string(graph).graph.node
    made = {output: node for node in nodes for output in node.output}
    for node in nodes:
        sources = [made[name] for name in node.input if name in made] if node.op_type in PRODUCTS else []
        for layer in layers_among([s.input[0] for s in sources if s.op_type == "DequantizeLinear"]):
            yield layer, {node.name, *node.output}


def layers_among(names: Any) -> set[str]:
    """The layers whose codes are among the inputs of a node."""
    return {name.removesuffix(suffix) for name in names for suffix in SUFFIXES if name.endswith(suffix)}
