"""What a test says must be there: a value that may be None, or a figure that may not have been measured, with its type narrowed."""

from typing import TypeVar

from canforget.evaluation.evidence import NotRun, Value

T = TypeVar("T")


def present(found: T | None) -> T:
    """`found`, which must not be None."""
    assert found is not None
    return found


def measured(found: Value | NotRun) -> Value:
    """`found`, which must have been measured."""
    assert isinstance(found, Value), found
    return found


def interval_of(found: Value | NotRun) -> tuple[float, float]:
    """The interval of `found`, which must have one."""
    return present(measured(found).interval)
