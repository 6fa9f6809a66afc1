"""Evaluate and audit a model file, beside the original and retrained models where they are given."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def evaluate(
    model: options.ModelFile,
    scenario: Annotated[
        str | None, typer.Option(help="What was to be forgotten; default: what the model's file says.", show_default=False)
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the model's own.", show_default=False)] = None,
    original: Annotated[Path | None, typer.Option(help="The original model's file.", show_default=False)] = None,
    retrained: Annotated[list[Path] | None, typer.Option(help="Files of retrained models.", show_default=False)] = None,
    quantizer: Annotated[
        str | None,
        typer.Option(
            help="How the model was quantized; default: what its file says. none: judge it beside models as they are.", show_default=False
        ),
    ] = None,
    probes: Annotated[
        list[str] | None,
        typer.Option(help="Probes of the live models, which take minutes, as in relearning recovery_radius.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the values as JSON here.", show_default=False)] = None,
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    wide: options.Wide = False,
    json: options.Json = False,
) -> None:
    """Evaluate and audit a model file, beside the original and retrained models where they are given.

    A quantized model is judged beside models quantized the same way; give their float files.

    Example: canforget evaluate int8.safetensors --original original.safetensors --retrained g0.safetensors g1.safetensors
    """
    from canforget.cli.model_answer import evaluate_file
    from canforget.file_io import write_json
    from canforget.report.brief_values import brief_table
    from canforget.report.fit_width import paragraph

    options.add_plugins(plugin)
    about = evaluate_file(
        model, scenario=scenario, dataset=dataset, original=original, retrained=retrained or (), quantizer=quantizer, probes=probes or (),
        split_seed=split_seed, data_dir=data_dir, device=options.device_of(device),
    )  # fmt: skip
    if out is not None:
        write_json(out, about)
    if json:
        output.echo_json(about)
    else:
        print(paragraph(about["answer"]["question"]))
        print(paragraph("\n".join(f"{said['sentence']} ({said['sure']})." for said in about["answer"]["statements"])), end="\n\n")
        print(output.value_table(about["values"]) if wide else "\n".join(brief_table(about["values"])))
    if not json and (original or retrained):
        print(f"\nThe models compared with were judged {about['references']}.")
