"""The application: `canforget COMMAND`; a command's module is imported when it is called, so that help is instant."""

import ast
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from canforget.errors import CanforgetError, SpecError, StoppedError, did_you_mean, shortened
from canforget.user_code import naming_user_code

TYPED: ContextVar[Sequence[str]] = ContextVar("typed", default=())
"""What was typed after `canforget`."""
COMMANDS = Path(__file__).parents[1] / "commands"
ORDER = (
    "demo", "train", "adopt", "unlearn", "quantize", "evaluate", "audit", "verify", "new-key", "sweep-bits", "export", "plan", "run", "watch",
    "show", "report", "plot", "compare", "rerun", "results", "store", "list", "check",
)  # fmt: skip
LISTS = (
    "--datasets", "--models", "--scenarios", "--unlearners", "--quantizers", "--seeds", "--set", "--retrained", "--probes", "--quantized", "--plugin", "--bits", "--layer-bits",
    "--columns", "--measures",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the application; a user's mistake is one line on standard error and exit code 2."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        TYPED.set(tuple(given))
        words = repeated_flags(given) or ["--help"]
        code = application(words)(args=words, prog_name="canforget", standalone_mode=False)
    except CanforgetError as problem:
        print(f"canforget: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
    except USAGE_ERROR as problem:
        print(f"canforget: {usage_mistake(problem, given)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code or 0)


USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises when options or arguments cannot be understood; it prints a box of usage unless it is caught."""


def typed_command() -> str:
    """The command that was typed, to be typed again, without `--step`, `--json` and their values."""
    words = list(TYPED.get())
    if "--step" in words:
        del words[words.index("--step") : words.index("--step") + 2]
    return shlex.join(["canforget", *(w for w in words if w != "--json")]) if words else ""


def usage_mistake(problem: Any, given: Sequence[str]) -> str:
    """What is wrong with the options and arguments given, and what to do, as one line."""
    command = command_named(given)
    place, see = (f"{command}: ", f"(canforget {command} --help)") if command else ("", "(canforget --help)")
    parameter, option = getattr(problem, "param", None), getattr(problem, "option_name", None)
    if parameter is not None:
        flag = parameter.opts[-1] if parameter.opts[-1].startswith("-") else parameter.name.upper()
        said = " ".join(problem.message.split()).removeprefix("Input ").rstrip(".")
        value = given[given.index(flag) + 1 :][:1] if flag in given else []
        if said:
            return f"{command}: {flag}: {''.join(map(shortened, value))} {said} {see}".replace(":  ", ": ")
        swallowed = [word for word in given if word in LISTS and not flag.startswith("-")]
        hint = f"; write it before {swallowed[0]}, which takes all that follows" if swallowed else f": {parameter.help or 'needed here'}"
        return f"{command}: {flag} is missing{hint.rstrip('.')} {see}"
    if option is not None and "such option" in problem.message:
        known = [o for p in problem.ctx.command.params for o in p.opts if o.startswith("--")]
        hint = did_you_mean(option, known)
        return f"{place}no option '{shortened(option)}'{hint} {see}"
    return f"{place}{shortened(' '.join(problem.message.split()), 200).rstrip('.')} {see}"


def command_named(given: Sequence[str]) -> str:
    """The command that is called, if there is one."""
    return next((word for word in given if not word.startswith("-")), "")


def application(given: Sequence[str]) -> typer.Typer:
    """The application with the command that is called imported, and the others known by name and first line."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=HELP)
    app.callback()(version)
    wanted = command_named(given)
    if wanted and wanted not in commands():
        raise CanforgetError(f"no command '{shortened(wanted)}'{did_you_mean(wanted, commands())} (canforget --help)")
    for name in commands():
        if name == wanted:
            module = name.replace("-", "_")
            add_command(app, name, getattr(import_module(f"canforget.commands.{module}"), module))
        else:
            app.command(name, short_help=first_line(name))(lambda: None)
    return app


def add_command(app: typer.Typer, name: str, command: Callable[..., None] | Mapping[str, Callable[..., None]]) -> None:
    """Adds a command, or one that has commands of its own, by their names."""
    if callable(command):
        app.command(name)(stoppable(command))
        return
    group = typer.Typer(help=first_line(name))
    for verb, function in command.items():
        group.command(verb)(stoppable(function))
    app.add_typer(group, name=name)


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

On files: train, adopt, unlearn, quantize, evaluate, audit, verify, new-key, sweep-bits, export. On studies: demo, plan, run, watch, show, report, plot, compare, rerun, results, store. On components: list, check. Example: canforget demo
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


def repeated_flags(given: Sequence[str]) -> list[str]:
    """Repeats a flag that takes a list before each of its values; a study's file is no value of a list.

    >>> repeated_flags(["run", "--models", "resnet20", "resnet18", "study.toml", "--json"])
    ['run', '--models', 'resnet20', '--models', 'resnet18', 'study.toml', '--json']
    """
    words: list[str] = []
    flag, empty = "", False
    for word in given:
        name, sign, value = word.partition("=")
        if word.startswith("-") and not (flag and word[1:2].isdigit()):
            refuse_empty(flag, empty, given)
            flag, empty = (name, not sign) if name in LISTS else ("", False)
            words += [word] if not flag else [flag, value] if sign else []
        elif flag and not (word.endswith(".toml") and command_named(given) in ("plan", "run")):
            words, empty = [*words, flag, word], False
        else:
            words.append(word)
    refuse_empty(flag, empty, given)
    return words


def refuse_empty(flag: str, empty: bool, given: Sequence[str]) -> None:
    """Raises `SpecError` for a flag that takes a list and was given nothing."""
    if empty:
        raise SpecError(
            f"{command_named(given)}: {flag}: nothing follows it; give one value or several (canforget {command_named(given)} --help)"
        )
