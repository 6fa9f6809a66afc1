"""The reference of the command line: every command with its arguments and options, from the application's own help."""

from typing import Any

import typer

from canforget.cli.app import application, commands, first_line
from docs.generate.prose import as_markdown, cell, escaped


def command_pages() -> dict[str, str]:
    """The text of every page by its file name."""
    return {"index.md": index_page()} | {f"{name}.md": command_page(name) for name in commands()}


def index_page() -> str:
    """The page that lists the commands."""
    rows = "\n".join(f"| [`{name}`]({name}.md) | {cell(escaped(first_line(name)))} |" for name in commands())
    return (
        "# Commands\n\nEvery command with its options, as `canforget COMMAND --help` prints them. A mistake is one line on standard error "
        "and exit code 2; `--json` prints what a program can read.\n\n"
        f"| command | what it does |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join(commands()) + "\n```\n"
    )


def command_page(name: str) -> str:
    """A command, or each of the commands of one that has several: how it is called, what it says of itself, what it takes."""
    called: Any = typer.main.get_command(application([name]))
    command = called.commands[name]
    parts = {f"{name} {verb}": part for verb, part in getattr(command, "commands", {}).items()}
    if not parts:
        return f"# canforget {name}\n\n{described_command(name, command)}"
    texts = [f"## canforget {words}\n\n{described_command(words, part)}" for words, part in parts.items()]
    return "\n".join([f"# canforget {name}\n\n{as_markdown(command.help or '')}\n", *texts])


def described_command(words: str, command: Any) -> str:
    """How a command is called, what it says of itself, what it takes."""
    with command.make_context(f"canforget {words}", [], resilient_parsing=True) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        records = [(parameter, parameter.get_help_record(context)) for parameter in command.get_params(context)]
    rows = "\n".join(row(parameter, record) for parameter, record in records if record is not None)
    text = as_markdown(command.help or "")
    table = f"| argument, option | what it says |\n|---|---|\n{rows}" if rows else ""
    return f"```text\ncanforget {words} {usage}\n```\n\n{text}\n\n{table}\n"


def row(parameter: Any, record: tuple[str, str]) -> str:
    """One argument or option; what its help does not say of it being needed is added."""
    words, said = record
    needed = " (required)" if parameter.required and "required" not in said else ""
    return f"| `{cell(words)}` | {cell(escaped(said))}{needed} |"
