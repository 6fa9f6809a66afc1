"""ONNX files, checked before an engine sees them: one graph in one file, standard operators, raw pixels in, logits out, a header of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from canforget.deployment.model_header import Origin, first_fault, json_object, one_line
from canforget.deployment.optional import needed
from canforget.errors import ArtifactError, CanforgetError

KEY = "canforget"
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Operator sets that ONNX Runtime brings along; whatever else a graph calls lies in a library of its author's."""
AGAIN = "export the model again"


class OnnxFacts(BaseModel):
    """What an ONNX file says of itself in our metadata: the names of its classes and where it came from; all of it may be missing."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    classes: tuple[str, ...] = ()
    origin: Origin = Origin()


def parse_onnx(content: bytes, where: str) -> Any:
    """The graph in the bytes of a file.

    Raises:
        ArtifactError: No ONNX graph, cut off, or one that the standard does not allow.
    """
    onnx = needed("onnx", "onnx")
    try:
        graph = onnx.load_from_string(content)
        onnx.checker.check_model(graph)
    except (
        ValueError,
        TypeError,
        RuntimeError,
        onnx.checker.ValidationError,
        needed("google.protobuf.message", "onnx").DecodeError,
    ) as problem:
        raise ArtifactError(f"{where}: not a whole ONNX file ({one_line(str(problem), 160)}); {AGAIN}") from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.graph.initializer):
        raise ArtifactError(f"{where}: keeps its weights in another file; save it as one (onnx.save with save_as_external_data=False)")
    return graph


def facts_of(graph: Any, where: str) -> dict[str, Any]:
    """Our metadata in a graph, checked; empty for a graph that others wrote."""
    said = {entry.key: entry.value for entry in graph.metadata_props}
    content = json_object(said.get(KEY, "{}"), f"{where}: its metadata")
    try:
        OnnxFacts.model_validate_json(said.get(KEY, "{}"), strict=True)
    except ValidationError as problem:
        raise ArtifactError(f"{where}: its metadata cannot be: {first_fault(problem)}; {AGAIN}") from None
    return content


def check_graph(graph: Any, where: str) -> None:
    """Refuses a graph that cannot be asked as a model of ours is: uint8 pixels [n, c, h, w] in, float32 logits [n, classes] out."""
    types = needed("onnx", "onnx").TensorProto
    foreign = sorted({f"{n.domain}.{n.op_type}" for n in graph.graph.node if n.domain not in DOMAINS})
    if foreign:
        raise ArtifactError(f"{where}: calls operators of its author's own ({', '.join(foreign[:3])}); export it with standard ones")
    held = {tensor.name for tensor in graph.graph.initializer}
    inputs = [value for value in graph.graph.input if value.name not in held]
    if len(inputs) != 1 or len(graph.graph.output) != 1:
        counts = f"{len(inputs)} inputs and {len(graph.graph.output)} outputs"
        raise ArtifactError(f"{where}: has {counts}; one of each is wanted, images and logits; {AGAIN}")
    pixels, logits = (value.type.tensor_type for value in (inputs[0], graph.graph.output[0]))
    if pixels.elem_type != types.UINT8:
        kind = types.DataType.Name(pixels.elem_type).lower()
        raise ArtifactError(
            f"{where}: takes {kind} images, but is handed raw pixels (uint8, 0 to 255); export it with its normalization inside"
        )
    check_shape(dimensions(pixels), 4, "images [n, channels, height, width]", where)
    if logits.elem_type != types.FLOAT:
        raise ArtifactError(
            f"{where}: puts out {types.DataType.Name(logits.elem_type).lower()}, not float32 logits; {AGAIN} without its last step"
        )
    check_shape(dimensions(logits), 2, "logits [n, classes]", where)


def dimensions(tensor: Any) -> list[int | None] | None:
    """The sizes of a graph's input or output, None where they are left open; None altogether when nothing is said."""
    if not tensor.HasField("shape"):
        return None
    return [int(d.dim_value) if d.HasField("dim_value") else None for d in tensor.shape.dim]


def check_shape(found: list[int | None] | None, axes: int, wanted: str, where: str) -> None:
    """Refuses another number of axes, and a batch size that is fixed."""
    if found is None:
        return
    if len(found) != axes:
        raise ArtifactError(f"{where}: has {len(found)} axes where {wanted} are wanted; {AGAIN}")
    if found[0] is not None:
        raise ArtifactError(f"{where}: takes batches of {found[0]} only; export it with a dynamic first axis")


@contextmanager
def engine_errors(engine: str) -> Iterator[None]:
    """Whatever an engine raises over a graph or images, as one line: engines have exception classes of their own."""
    try:
        yield
    except CanforgetError:
        raise
    except Exception as problem:
        raise ArtifactError(f"{engine} cannot run this graph on these images ({one_line(str(problem), 200)})") from None
