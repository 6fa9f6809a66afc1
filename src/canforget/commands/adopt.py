"""Adopt weights made elsewhere: a checkpoint of a named architecture in, a model file out."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def adopt(
    weights: Annotated[Path, typer.Argument(help="Weights by parameter name: .safetensors, or with --pickle a .pth.", show_default=False)],
    model: Annotated[str, typer.Option(help="Architecture, as in resnet18, torchvision/resnet50 or my_net.py:Net.")],
    dataset: options.Dataset,
    out: options.ModelOut = Path("original.safetensors"),
    mean: Annotated[
        str, typer.Option(help="Channel means it was trained with, as in 0.49,0.48,0.45, or one for all; default: the data set's.")
    ] = "",
    std: Annotated[str, typer.Option(help="Channel deviations it was trained with; default: the data set's.")] = "",
    pickle: Annotated[bool, typer.Option("--pickle", help="Read a pickled checkpoint, weights only: no code in it is run.")] = False,
    data_dir: options.DataDir = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Adopt weights made elsewhere: a checkpoint of a named architecture in, a model file out.

    Example: canforget adopt resnet18.pth --pickle --model resnet18 --dataset cifar10 --mean 0.49,0.48,0.45 --std 0.2,0.2,0.2 --out original.safetensors
    """
    from canforget.cli.model_files import adopt_file

    options.add_plugins(plugin)
    path = options.Destination(out).checked()
    about = adopt_file(
        weights,
        path,
        model=model,
        dataset=dataset,
        mean=options.numbers(mean, "--mean"),
        std=options.numbers(std, "--std", positive=True),
        pickle=pickle,
        data_dir=data_dir,
    )
    output.tell(about, json)
