"""Compare two models, records, rows or studies: what differs, by how much, and whether it is beyond chance."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def compare(
    a: Annotated[
        str, typer.Argument(help="A model file, a record, a study's folder, or a row of it: FOLDER@UNLEARNER@FORMAT.", show_default=False)
    ],
    b: Annotated[str, typer.Argument(help="What it is compared with, of the same kind.", show_default=False)],
    measures: Annotated[
        list[str] | None, typer.Option(help="Values to compare by; default: accuracies, membership, gap.", show_default=False)
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Store of two records' predictions: compares image by image.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Of models: the data set; default: the first model's own.", show_default=False)
    ] = None,
    scenario: options.Scenario = None,
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Compare two models, records, rows or studies: what differs, by how much, and whether it is beyond chance.

    Over seeds where there are several, paired where both rows have the same; models by image. Holm over all measures.

    Example: canforget compare canforget-results@scrub@none canforget-results@salun@none

    Example: canforget compare unlearned.safetensors int8.safetensors
    """
    from canforget.cli.comparing import compared, comparison_json, comparison_text

    options.add_plugins(plugin)
    found = compared(
        a, b, measures or (), store, dataset=dataset, scenario=scenario, split_seed=split_seed, data_dir=data_dir, device=options.device_of(device)
    )  # fmt: skip
    output.echo_json(comparison_json(found)) if json else print(comparison_text(found))
