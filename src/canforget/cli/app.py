"""The application: `canforget COMMAND`; a command's module is imported when it is called, so that help is instant."""

import ast
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path

import typer

from canforget.errors import CanforgetError, StoppedError, did_you_mean
from canforget.user_code import naming_user_code

COMMANDS = Path(__file__).parents[1] / "commands"
ORDER = ("demo", "train", "adopt", "unlearn", "quantize", "evaluate", "sweep-bits", "plan", "run", "show", "list", "check")
LISTS = (
    "--datasets", "--models", "--scenarios", "--unlearners", "--quantizers", "--seeds", "--set", "--retrained", "--plugin", "--bits", "--layer-bits",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the application; a user's mistake is one line on standard error and exit code 2."""
    given = spread(sys.argv[1:] if arguments is None else list(arguments))
    try:
        application(given)(args=given, prog_name="canforget", standalone_mode=True)
    except CanforgetError as problem:
        print(f"canforget: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


def application(given: Sequence[str]) -> typer.Typer:
    """The application with the command that is called imported, and the others known by name and first line."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=HELP)
    app.callback()(version)
    called = next((a for a in given if not a.startswith("-")), "")
    if called and called not in commands():
        raise CanforgetError(f"no command '{called}'{did_you_mean(called, commands())} (canforget --help)")
    for name in commands():
        if name == called:
            module = name.replace("-", "_")
            app.command(name)(stoppable(getattr(import_module(f"canforget.commands.{module}"), module)))
        else:
            app.command(name, short_help=first_line(name))(lambda: None)
    return app


def stoppable(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with Ctrl-C as an error that says what was kept."""

    @wraps(command)
    def guarded(*args: object, **options: object) -> None:
        try:
            with naming_user_code("it"):
                command(*args, **options)
        except KeyboardInterrupt:
            raise StoppedError("stopped; what was finished is kept, the same command goes on from there") from None

    return guarded


HELP = """Can a vision model forget, and does quantization bring the forgotten back?

On files: train, unlearn, quantize, evaluate, sweep-bits. On studies: plan, run, show. Example: canforget demo
"""


def show_version(wanted: bool) -> None:
    """Prints the version and leaves."""
    if wanted:
        from canforget import __version__

        print(__version__)
        raise typer.Exit


def version(version: bool = typer.Option(False, "--version", callback=show_version, is_eager=True, help="Print the version.")) -> None:
    """The options that stand before any command."""


def commands() -> list[str]:
    """The names of all commands, in the order in which help lists them."""
    found = sorted(p.stem.replace("_", "-") for p in COMMANDS.glob("*.py") if p.stem != "__init__")
    return [c for c in ORDER if c in found] + [c for c in found if c not in ORDER]


def first_line(command: str) -> str:
    """What a command says of itself, read without importing it."""
    tree = ast.parse((COMMANDS / f"{command.replace('-', '_')}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").split("\n")[0]


def spread(given: Sequence[str]) -> list[str]:
    """Repeats a flag that takes a list before each of its values.

    >>> spread(["run", "--models", "resnet20", "resnet18", "--json"])
    ['run', '--models', 'resnet20', '--models', 'resnet18', '--json']
    """
    words: list[str] = []
    flag = ""
    for word in given:
        if word.startswith("-"):
            flag = word if word in LISTS else ""
            words += [] if flag else [word]
        else:
            words += [flag, word] if flag else [word]
    return words
