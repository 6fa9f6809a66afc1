"""Code that users bring along, nets and plugins: whatever it raises becomes one line that names its file and line."""

import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from canforget.errors import CanforgetError, UserCodeError, shortened

F = TypeVar("F", bound=Callable[..., Any])
HERE = Path(__file__).parent
INSTALLED = {"site-packages", "dist-packages"}


@contextmanager
def naming_user_code(what: str, *files: Path, otherwise: str | None = None) -> Iterator[None]:
    """Turns what a user's own code raises inside the block, or a call of `exit()`, into `UserCodeError`; errors of ours pass.

    Args:
        what: Which component or net runs, for the message.
        files: Files that count as the user's wherever they lie; beside them, all that is neither ours nor installed.
        otherwise: The place to name when the error arose on the way in, as with a missing argument; without it such errors pass.
    """
    try:
        yield
    except (CanforgetError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as problem:
        place = user_frame(problem, {str(f.resolve()) for f in files}) or otherwise
        if place is None:
            raise
        raise UserCodeError(f"{place}: {what} {error_line(problem)}") from problem


def guarded(function: F, what: str, path: Path, returns: tuple[str, ...] = ()) -> F:
    """A user's function, with what it raises as one line; and with its result refused unless its class, or one it derives from, is named so."""
    place = place_of(function, path)

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        with naming_user_code(what, path, otherwise=place):
            result = function(*args, **options)
        if returns and not set(returns) & {kind.__name__ for kind in type(result).__mro__}:
            raise UserCodeError(f"{place}: {what} returned {a_kind(result)}, and {' or '.join(returns)} is wanted")
        return result

    return cast(F, call)


def place_of(thing: Any, path: Path) -> str:
    """The file and line where a function or class is defined; the file alone when that is not to be found."""
    code = getattr(getattr(thing, "__init__", thing) if isinstance(thing, type) else thing, "__code__", None)
    return f"{shown(str(path))}:{code.co_firstlineno}" if code else shown(str(path))


def a_kind(thing: Any) -> str:
    """What a thing is, with its article.

    >>> a_kind(3), a_kind(None), a_kind([])
    ('an int', 'None', 'a list')
    """
    name = type(thing).__name__
    return "None" if thing is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def user_frame(problem: BaseException, files: set[str]) -> str | None:
    """Where in the user's own files an error arose, as in my_net.py:12; None when it arose elsewhere."""
    if isinstance(problem, SyntaxError) and problem.filename and (problem.filename in files or is_users(problem.filename)):
        return f"{shown(problem.filename)}:{problem.lineno}"
    walk = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(problem.__traceback__)]
    found = [(name, line) for name, line in walk if name in files or is_users(name)]
    return f"{shown(found[-1][0])}:{found[-1][1]}" if found else None


@cache
def is_users(filename: str) -> bool:
    """Whether a file of code is neither ours, nor Python's, nor an installed package's."""
    if filename.startswith("<"):
        return False
    path = Path(filename)
    roots = [HERE, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))]
    return not INSTALLED & set(path.parts) and not any(path.is_relative_to(root) for root in roots)


def shown(filename: str) -> str:
    """A file's name as a user would type it: relative where it lies below the current folder."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


def error_line(problem: BaseException, most: int = 200) -> str:
    """What an exception says, in a line.

    >>> error_line(ValueError("no such\\nlayer")), error_line(SystemExit(3)), error_line(KeyError())
    ('raised ValueError: no such layer', 'called exit(3)', 'raised KeyError')
    """
    if isinstance(problem, SystemExit):
        return f"called exit({'' if problem.code is None else problem.code})"
    text = shortened(" ".join(wording(problem).split()), most)
    text += " (out of memory?)" if memory_ran_out(problem) and "memory" not in text.lower() else ""
    return f"raised {type(problem).__name__}" + (f": {text}" if text else "")


def memory_ran_out(problem: BaseException) -> bool:
    """Whether an exception is about memory, as far as its type and text say; oneDNN says no more than that it has no "primitive".

    >>> memory_ran_out(RuntimeError("could not create a primitive")), memory_ran_out(ValueError("no such layer"))
    (True, False)
    """
    signs = ("out of memory", "allocate memory", "not enough memory", "could not create a primitive")
    return isinstance(problem, MemoryError) or any(sign in wording(problem).lower() for sign in signs)


def wording(problem: BaseException) -> str:
    """The text of an exception, whose own `__str__` may fail."""
    try:
        return str(problem)
    except Exception as other:
        return f"(its text raised {type(other).__name__})"


def imported(module: Any, path: Path) -> Any:
    """Runs a user's file as a module; takes the module off the list again when it cannot be run."""
    sys.modules[module.__name__] = module
    try:
        with naming_user_code("cannot be imported: it", path):
            module.__spec__.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise
    return module
