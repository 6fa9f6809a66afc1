"""Make one published row anew from its record alone, and say whether it landed where the record says."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def rerun(
    record: Annotated[str, typer.Argument(help="A record's file, or a row of a study: FOLDER@UNLEARNER@FORMAT.", show_default=False)],
    seed: Annotated[int | None, typer.Option(min=0, help="Which seed's record, where there are several.", show_default=False)] = None,
    draw: Annotated[
        int | None, typer.Option(min=0, help="Take one of the records at random, drawn by this number.", show_default=False)
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Keep the steps here; default: a folder that is removed, so that all is made anew.", show_default=False),
    ] = None,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Make one published row anew from its record alone, and say whether it landed where the record says.

    Leaves with 0 when every value landed, with 1 when one did not. Values beside retrained models are left out, for these are not made.

    Example: canforget rerun results/cifar10_class@ssd:alpha=5.0@none --seed 0 --data-dir ~/data
    """
    from canforget.cli.making_anew import made_anew, rerun_json, rerun_text

    options.add_plugins(plugin)
    found = made_anew(record, seed, draw, store, data_dir, options.device_of(device))
    output.echo_json(rerun_json(found)) if json else print(rerun_text(found))
    if not found.landed:
        raise typer.Exit(1)
