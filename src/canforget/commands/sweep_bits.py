"""Sweep the bits of a model file: accuracy, forgetting and size at every width, layer by layer, and at a rounding's neighbors."""

from typing import Annotated

import typer

from canforget.cli import options, output


def sweep_bits(
    model: options.ModelFile,
    quantizer: Annotated[str, typer.Option(help="Format whose bits are swept, as in int or int:ranges=mse.")] = "int",
    bits: Annotated[list[int] | None, typer.Option(min=2, max=8, help="Widths of all layers; default: 8 to 2.", show_default=False)] = None,
    layer_bits: Annotated[
        list[int] | None, typer.Option(min=2, max=8, help="Widths of one layer at a time; default: 3.", show_default=False)
    ] = None,
    neighbor_bits: Annotated[int, typer.Option(min=2, max=8, help="Width at which the neighbors of the rounding are compared.")] = 4,
    scenario: Annotated[
        str | None, typer.Option(help="What was to be forgotten; default: what the model's file says.", show_default=False)
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the model's own.", show_default=False)] = None,
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Sweep the bits of a model file: accuracy, forgetting and size at every width, layer by layer, and at a rounding's neighbors.

    Judges on val and forget images, never on test images; calibrates on retain images.
    Example: canforget sweep-bits unlearned.safetensors --bits 8 4 3 --layer-bits 3 2
    """
    from canforget.bit_sweep import sweep_text
    from canforget.cli.model_files import sweep_file

    options.add_plugins(plugin)
    found = sweep_file(
        model, quantizer=quantizer, bits=bits or (8, 7, 6, 5, 4, 3, 2), layer_bits=layer_bits or (3,), neighbor_bits=neighbor_bits,
        dataset=dataset, scenario=scenario, split_seed=split_seed, data_dir=data_dir, device=options.device_of(device),
    )  # fmt: skip
    output.echo_json(found.to_json()) if json else print(sweep_text(found))
