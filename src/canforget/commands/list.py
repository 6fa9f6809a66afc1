"""List the components of a family, or one component with its hyperparameters."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any

import typer

from canforget.cli import options, output
from canforget.fit_settings import Fit
from canforget.hyperparameters import in_words
from canforget.registry import FAMILIES, Component, Parameter, find, names
from canforget.spec import to_json


def list(
    family: Annotated[str | None, typer.Argument(help=f"One of {', '.join(FAMILIES)}.", show_default=False)] = None,
    name: Annotated[str | None, typer.Argument(help="One component.", show_default=False)] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """List the components of a family, or one component with its hyperparameters.

    Example: canforget list unlearners scrub
    """
    options.add_plugins(plugin)
    if family is None:
        found: Any = {f: names(f) for f in FAMILIES}
        lines = [f"{f:<11} {', '.join(members)}" for f, members in found.items()]
    elif name is None:
        members = [find(family, n) for n in names(family)]
        found = {m.name: m.summary for m in members}
        width = max((len(n) for n in found), default=0)
        lines = [f"{n:<{width}}  {summary}" for n, summary in found.items()]
    else:
        found, lines = described(find(family, name))
    output.echo_json(found) if json else print("\n".join(lines))


def described(member: Component) -> tuple[dict[str, Any], Any]:
    """A component as JSON and as text."""
    table = {
        p.name: {"type": p.annotation, "default": None if required(p) else to_json(p.default), "required": required(p)}
        | ({"fields": {f.name: in_words(f.type) for f in fields(Fit)}} if p.type is Fit else {})
        for p in member.parameters
    }
    about = {"name": member.name, "family": member.family, "version": member.version, "paper": member.paper, "summary": member.summary}
    rows = [row for p in member.parameters for row in rows_of(p)]
    width = max((len(name) for name, _, _ in rows), default=0)
    lines = [member.summary, *([member.paper] if member.paper else [])]
    lines += [f"  {name:<{width}}  {kind} = {default}" for name, kind, default in rows]
    return about | {"hyperparameters": table}, lines


def rows_of(parameter: Parameter) -> Iterator[tuple[str, str, str]]:
    """Name, range and default of a hyperparameter; of a `Fit` those of its fields."""
    if isinstance(parameter.default, Fit):
        for field in fields(Fit):
            yield f"{parameter.name}.{field.name}", in_words(field.type), repr(getattr(parameter.default, field.name))
    else:
        yield parameter.name, parameter.annotation, "(required)" if required(parameter) else repr(parameter.default)


def required(parameter: Parameter) -> bool:
    """Whether a hyperparameter has no default."""
    return parameter.default is Parameter.required
