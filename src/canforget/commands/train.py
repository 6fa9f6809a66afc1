"""Train a model from fresh weights: on all training images, or on the retain set alone."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def train(
    model: Annotated[str, typer.Option(help="Architecture, as in resnet20, timm/vit_tiny_patch16_224 or my_net.py:Net.")],
    dataset: options.Dataset,
    out: options.ModelOut = Path("model.safetensors"),
    scenario: options.Scenario = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Leave the forget set of the scenario out: the gold standard.")] = False,
    fit: Annotated[str, typer.Option(help="Settings of the training, as in epochs=20,lr=0.1,flip=true.")] = "",
    seed: options.Seed = 0,
    split_seed: options.SplitSeed = 0,
    val_fraction: Annotated[
        float, typer.Option(help="Fraction of the training images held for validation; 0 beside an adopted model.")
    ] = 0.1,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    track: options.Track = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Train a model from fresh weights: on all training images, or on the retain set alone.

    Example: canforget train --model tiny_cnn --dataset digits --out original.safetensors
    """
    from canforget.cli.model_files import train_file
    from canforget.study.tracking import require_tensorboard, tracked

    options.add_plugins(plugin)
    path = options.Destination(out).checked()
    if track is not None:
        require_tensorboard()
    with tracked(track, path.stem):
        about = train_file(
            path, model=model, dataset=dataset, scenario=scenario, retrain=retrain, fit=fit, seed=seed, split_seed=split_seed,
            val_fraction=val_fraction, data_dir=data_dir, device=options.device_of(device),
        )  # fmt: skip
    output.tell(about, json)
