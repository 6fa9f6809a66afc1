"""Export a model file as ONNX: raw pixels in, logits out, what was quantized as integers, for any engine."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def export(
    model: options.ModelFile,
    out: Annotated[Path, typer.Option("--out", help="Where to write the graph (.onnx).")] = Path("model.onnx"),
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Export a model file as ONNX: raw pixels in, logits out, what was quantized as integers, for any engine.

    Example: canforget export int8.safetensors --out int8.onnx
    """
    from canforget.cli.model_files import export_file

    options.add_plugins(plugin)
    output.tell(export_file(model, options.Destination(out, ".onnx").checked()), json)
