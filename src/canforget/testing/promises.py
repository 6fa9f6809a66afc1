"""What the contracts of all families are written with: a promise that is kept or named, and the form of a signature."""

import inspect
from collections.abc import Callable
from typing import Any

from canforget.errors import ContractError


def require_kept(family: str, kept: bool, otherwise: str) -> None:
    """Raises `ContractError` saying `otherwise` unless a promise is kept."""
    if not kept:
        raise ContractError(f"{family}: {otherwise}")


def require_signature(family: str, function: Callable[..., Any], by_place: tuple[str, ...], inputs: tuple[str, ...] = ()) -> None:
    """Raises `ContractError` unless a function takes `by_place` by place, `inputs` by keyword, and hyperparameters by keyword, each with a type.

    A hyperparameter without a default must have been bound, for the contract has no value for it.
    """
    parameters = inspect.signature(function).parameters
    first = tuple(name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY))
    require_kept(family, first == by_place, f"its arguments by place are ({', '.join(first)}), not ({', '.join(by_place)})")
    for name in inputs:
        require_kept(family, name in parameters, f"it takes no keyword '{name}'")
    for name in parameters.keys() - {*by_place, *inputs}:
        p = parameters[name]
        require_kept(family, p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty, f"'{name}' must be keyword-only and typed")
        bind = f"'{name}' has no default; give the contract a value, as in check_{family}(functools.partial(f, {name}=...))"
        require_kept(family, p.default is not p.empty, bind)
