"""Make a model forget: a model file and a forget set in, a model file out."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def unlearn(
    model: options.ModelFile,
    unlearner: Annotated[str, typer.Option(help="Method, as in scrub or salun:keep=0.3,fit.epochs=5.")],
    scenario: Annotated[str, typer.Option(help="What is forgotten, as in whole_class:classes=3 or ids:file=request.txt.")],
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the one the model was trained on.", show_default=False)] = None,
    out: options.ModelOut = Path("unlearned.safetensors"),
    seed: options.Seed = 0,
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Make a model forget: a model file and a forget set in, a model file out.

    Example: canforget unlearn original.safetensors --unlearner scrub --scenario whole_class:classes=3 --out unlearned.safetensors
    """
    from canforget.cli.model_files import unlearn_file

    options.add_plugins(plugin)
    path = options.Destination(out).checked()
    about = unlearn_file(
        model, path, unlearner=unlearner, dataset=dataset, scenario=scenario, seed=seed, split_seed=split_seed,
        data_dir=data_dir, device=options.device_of(device),
    )  # fmt: skip
    output.tell(about, json)
