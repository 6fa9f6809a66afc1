"""List the components of a family, or one component with its hyperparameters."""

from typing import Annotated, Any

import typer

from canforget.cli import options, output
from canforget.fit_settings import Fit
from canforget.registry import FAMILIES, Component, Parameter, find, names
from canforget.spec import differences, to_json


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
        for p in member.parameters
    }
    about = {"name": member.name, "family": member.family, "version": member.version, "paper": member.paper, "summary": member.summary}
    width = max((len(p.name) for p in member.parameters), default=0)
    lines = [member.summary, *([member.paper] if member.paper else [])]
    lines += [f"  {p.name:<{width}}  {p.annotation} = {written(p)}" for p in member.parameters]
    return about | {"hyperparameters": table}, lines


def written(parameter: Parameter) -> str:
    """A default as one reads it; of a `Fit` what differs from the plain one."""
    if required(parameter):
        return "(required)"
    if isinstance(parameter.default, Fit):
        return f"Fit({', '.join(differences('', Fit(), parameter.default)).replace('.', '', 1).replace(', .', ', ')})"
    return repr(parameter.default)


def required(parameter: Parameter) -> bool:
    """Whether a hyperparameter has no default."""
    return parameter.default is Parameter.required
