"""Check that a component of your own keeps its family's contract."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from canforget.cli import options, output
from canforget.errors import CanforgetError
from canforget.registry import add_plugin


def check(
    path: Annotated[
        Path, typer.Argument(help='Python file with functions marked @component("unlearners") and the like.', show_default=False)
    ],
    json: options.Json = False,
) -> None:
    """Check that a component of your own keeps its family's contract.

    Example: canforget check my_method.py
    """
    from canforget.testing import CHECKS

    found: dict[str, str] = {}
    for member in add_plugin(path):
        found[member.name] = broken(CHECKS[member.family], member.load())
    if json:
        output.echo_json(found)
    else:
        print("\n".join(f"{name}: {said or 'keeps its contract'}" for name, said in found.items()))
    if any(found.values()):
        raise typer.Exit(1)


def broken(check: Callable[[Any], None], function: Any) -> str:
    """What a check says of a function: nothing when it keeps the contract."""
    try:
        check(function)
    except CanforgetError as problem:
        return f"breaks its contract: {problem}"
    return ""
