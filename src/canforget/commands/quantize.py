"""Quantize a model: a model file in, a model file with integer codes and scales out."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def quantize(
    model: options.ModelFile,
    quantizer: Annotated[str, typer.Option(help="Format, as in int:bits=8 or float8.")],
    dataset: Annotated[str | None, typer.Option(help="Data set to calibrate on; default: the model's own.", show_default=False)] = None,
    scenario: Annotated[
        str | None, typer.Option(help="What must not be calibrated on; default: what the model forgot.", show_default=False)
    ] = None,
    out: options.ModelOut = Path("quantized.safetensors"),
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Quantize a model: a model file in, a model file with integer codes and scales out.

    Calibrates on the retain set only: on no image of the scenario's forget set, nor of any held for validation or test.
    Example: canforget quantize unlearned.safetensors --quantizer int:bits=8 --out int8.safetensors
    """
    from canforget.cli.model_files import quantize_file

    options.add_plugins(plugin)
    path = options.Destination(out).checked()
    about = quantize_file(
        model,
        path,
        quantizer=quantizer,
        dataset=dataset,
        scenario=scenario,
        split_seed=split_seed,
        data_dir=data_dir,
        device=options.device_of(device),
    )
    output.tell(about, json)
