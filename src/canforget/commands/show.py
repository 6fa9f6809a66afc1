"""Show the table of records that a run has written."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from canforget import display, options, results


def show(
    path: Annotated[Path, typer.Argument(help="results.json, a folder of results, or one case's file.")] = Path("canforget-results"),
    unlearner: Annotated[str | None, typer.Option(help="Only this unlearner.", show_default=False)] = None,
    quantizer: Annotated[str | None, typer.Option(help="Only this format.", show_default=False)] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a record and leave.")] = False,
    json: options.Json = False,
) -> None:
    """Show the table of records that a run has written.

    Example: canforget show canforget-results --quantizer none
    """
    if schema:
        options.echo_json(results.schema())
        return
    wanted = {k: v for k, v in (("unlearner", unlearner), ("quantizer", quantizer)) if v is not None}
    records = results.select(results.load(path), **wanted)
    if json:
        options.echo_json([asdict(r) for r in records])
    else:
        print(display.text(records))
