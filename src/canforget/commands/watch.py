"""Watch a run that was started elsewhere: steps done, what runs on which worker, what failed, the time left."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options


def watch(
    path: Annotated[Path, typer.Argument(help="The folder that the run writes its results to (--out).")] = Path("canforget-results"),
    once: Annotated[bool, typer.Option("--once", help="Say how far it has come, and leave.")] = False,
    json: options.Json = False,
) -> None:
    """Watch a run that was started elsewhere: steps done, what runs on which worker, what failed, the time left.

    Leaves when the run ends: with 0, or with 1 where a step failed or the run was stopped. With --json, a line an event.

    Example: canforget watch canforget-results

    Example: canforget watch canforget-results --once
    """
    from canforget.cli.follow import follow

    if follow(path, once=once, json=json):
        raise typer.Exit(1)
