"""Check that a component of your own keeps its family's contract."""

from pathlib import Path
from typing import Annotated

import typer

from canforget import options
from canforget.registry import add_plugin


def check(
    path: Annotated[Path, typer.Argument(help='Python file with functions marked @component("unlearners") and the like.', show_default=False)],
    json: options.Json = False,
) -> None:
    """Check that a component of your own keeps its family's contract.

    Example: canforget check my_method.py
    """
    from canforget import testing

    found = {}
    for member in add_plugin(path):
        found[member.name] = testing.broken_promises(member)
    if json:
        options.echo_json(found)
    else:
        for name, broken in found.items():
            print(f"{name}: {'keeps the contract' if not broken else 'breaks the contract'}", *(f"  {b}" for b in broken), sep="\n")
    if any(found.values()):
        raise typer.Exit(1)
