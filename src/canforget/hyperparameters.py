"""Types of hyperparameters: ranges, choices, free text, a method that runs another; the check of a value, and the words for what it may be."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen

from canforget.errors import SpecError, did_you_mean, shortened


@dataclass(frozen=True)
class FreeText:
    """Marks a text that no list of choices can hold, and says what it is."""

    what: str


@dataclass(frozen=True)
class Member:
    """Marks a hyperparameter that names another component, with hyperparameters of its own: a call within a call.

    The component must take all of `takes`, and have none of the traits `barred`; else it is refused, saying `otherwise`.
    """

    family: str
    takes: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    otherwise: str = ""


Fraction = Annotated[float, Ge(0), Le(1)]
"""From 0 to 1, both included."""
Share = Annotated[float, Gt(0), Le(1)]
"""A fraction that must not be nothing."""
Part = Annotated[float, Gt(0), Lt(1)]
"""Between 0 and 1, neither included."""
Parts = Annotated[tuple[Part, ...], MinLen(1)]
"""One such number or several."""
Positive = Annotated[float, Gt(0)]
"""Above 0."""
NonNegative = Annotated[float, Ge(0)]
"""0 or above."""
Count = Annotated[int, Ge(1), Le(1_000_000)]
"""How many, at least one."""
CountOrNone = Annotated[int, Ge(0), Le(1_000_000)]
"""How many, 0 for none."""
Counts = Annotated[tuple[Count, ...], MinLen(1)]
"""One number or several."""
CountsOrNone = Annotated[tuple[CountOrNone, ...], MinLen(1)]
"""One number or several, 0 among them."""
Positives = Annotated[tuple[Positive, ...], MinLen(1)]
"""One number above 0 or several."""
Searches = Annotated[int, Ge(1), Le(24)]
"""How often a range is halved."""
Mix = Literal["forget_only", "with_retain", "blank_head"]
"""What a model is taught: forgotten images alone, or among retained ones; these to a last layer of zeros."""
Mixes = Annotated[tuple[Mix, ...], MinLen(1)]
Draws = Annotated[int, Ge(1), Le(1000)]
"""How often something is repeated with other random numbers."""
FewReferences = Annotated[int, Ge(1), Le(4)]
"""How many models to compare with, from one to four."""
Sample = Annotated[int, Ge(2), Le(1_000_000)]
"""At most how many images are looked at."""
Width = Annotated[int, Ge(1), Le(4096)]
"""Channels of a layer, layers of a net, or pixels of a side."""
Bits = Annotated[int, Ge(2), Le(8)]
"""Bits of an integer."""
BitsOrNone = Literal[0, 2, 3, 4, 5, 6, 7, 8]
"""Bits of an integer, or 0: not rounded."""
GroupSize = Annotated[int, Ge(2), Le(4096)]
"""Weights that share a scale."""
Percentile = Annotated[float, Ge(50), Le(100)]
"""Percent of the magnitudes that a range holds; below the half of them it would be no range of theirs."""
Seed = Annotated[int, Ge(0), Lt(2**63)]
"""What names a random stream."""
View = Literal["forget", "retain", "val", "test", "test_forget", "test_retain", "held_out"]
"""A set of images that models were asked about."""
Reference = Literal["original", "retrained"]
"""The models that a metric compares with."""
Signal = Literal["phi", "loss", "entropy", "modified_entropy", "label_blind"]
"""What a membership score is taken from."""
Measure = Literal["accuracy", "probability", "margin", "rank", "auc"]
"""A measure of how well images are remembered."""
Signals = Annotated[tuple[Signal, ...], MinLen(1)]
Measures = Annotated[tuple[Measure, ...], MinLen(1)]
ClassName = Annotated[str, FreeText("the name of a class")]
ClassOrClasses = ClassName | Annotated[int, Ge(0)] | Annotated[tuple[ClassName | Annotated[int, Ge(0)], ...], MinLen(1)]
"""Names or numbers of classes, one or several."""
BaseMethod = Annotated[
    object,
    Member(
        "unlearners", ("fit",), ("wraps", "fresh", "rebuilds"),
        "does not train on from the original's weights; choose a base such as neggrad_plus, npo or scrub",
    ),
]  # fmt: skip
"""An unlearner that a wrapper runs: a name, a line such as "npo:fit.epochs=2", a table, or a call."""


class Word(str):
    """A word from a command line or a line such as `int:bits=4`: a number, a truth value, a list or text, as its hyperparameter wants."""

    __slots__ = ()

    def read(self, kind: type) -> Any:
        """The word as a number or truth value, or as it is when it is none.

        >>> Word("3").read(int), Word("1e-3").read(float), Word("true").read(bool), Word("cat").read(int)
        (3, 0.001, True, 'cat')
        """
        if kind is str:
            return str(self)
        if kind is bool:
            return {"true": True, "false": False}.get(self.lower(), self)
        if kind is NoneType:
            return None if self.lower() == "none" else self
        for number in (int, float) if kind in (int, float) and self.isascii() else ():
            try:
                return number(self)
            except ValueError:
                continue
        return self


class Mismatch(Exception):
    """A value, or a part of one at `place`, that is not of a type."""

    def __init__(self, kind: Any, value: Any, place: str = "") -> None:
        super().__init__()
        self.kind, self.value, self.place = kind, value, place


def conforming(kind: Any, value: Any, where: str) -> Any:
    """Returns `value` as the type `kind` has it; raises `SpecError` naming the place and what would do. Strict: true is not 1, "3" is not 3.

    >>> conforming(Annotated[int, Ge(2), Le(8)], 9, "int.bits")
    Traceback (most recent call last):
    canforget.errors.SpecError: int.bits: 9 is not int in [2, 8]
    """
    try:
        return converted(kind, value)
    except Mismatch as found:
        known = [c for c in literal_choices(found.kind) if isinstance(c, str)]
        hint = did_you_mean(found.value, known) if isinstance(found.value, str) and known else ""
        hint = hint if hint.startswith("; did") else ""
        raise SpecError(f"{where}{found.place}: {shortened(repr(found.value))} is not {in_words(found.kind)}{hint}") from None


def converted(kind: Any, value: Any) -> Any:
    """`value` as `kind`; raises `Mismatch`."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *bounds = get_args(kind)
        try:
            found = converted(inner, value)
        except Mismatch as other:
            raise Mismatch(kind if other.kind is inner else other.kind, other.value, other.place) from None
        if not all(within(found, b) for b in bounds):
            raise Mismatch(kind, found)
        return found
    if origin is Literal:
        for choice in get_args(kind):
            read = value.read(type(choice)) if isinstance(value, Word) else value
            if type(choice) is type(read) and choice == read:
                return choice
        raise Mismatch(kind, value)
    if origin in (Union, UnionType):
        return one_of(kind, value)
    if origin is tuple:
        return members(kind, value)
    return plain(kind, value)


def one_of(kind: Any, value: Any) -> Any:
    """`value` as the first alternative that takes it: a list before a lone value, a number before a word."""
    found = []
    for alternative in sorted(get_args(kind), key=lambda k: (not is_tuple(k), k is str or bool(mark_of(k, FreeText)))):
        try:
            if value is not None or alternative is NoneType:
                return converted(alternative, value)
        except Mismatch as other:
            found.append(other)
    if isinstance(value, list | tuple) and is_tuple(sorted(get_args(kind), key=is_tuple)[-1]):
        raise found[0]
    only = [f for f in found if f.kind is not NoneType]
    raise Mismatch(kind, only[0].value if len(only) == 1 else value)


def members(kind: Any, value: Any) -> tuple[Any, ...]:
    """`value`, a list or a lone value, as a tuple of the members that `kind` names."""
    if isinstance(value, Mapping) or value is None:
        raise Mismatch(kind, value)
    if isinstance(value, Word):
        value = [Word(part.strip()) for part in value.split(",") if part.strip()]
    given = tuple(value) if isinstance(value, list | tuple) else (value,)
    kinds = get_args(kind)
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(given)
    if len(kinds) != len(given):
        raise Mismatch(kind, value)
    found = []
    for place, (inner, member) in enumerate(zip(kinds, given, strict=True)):
        try:
            found.append(converted(inner, member))
        except Mismatch as other:
            raise Mismatch(other.kind, other.value, f"[{place}]{other.place}" if len(given) > 1 else other.place) from None
    return tuple(found)


def plain(kind: Any, value: Any) -> Any:
    """`value` as a truth value, number or text; integers pass for floats, and NaN and infinity for nothing."""
    if isinstance(value, Word):
        value = value.read(kind)
    if kind in (bool, NoneType) and isinstance(value, kind):
        return value
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
    if kind is str and isinstance(value, str) and value.isprintable():
        return value
    if kind in (object, None, Any):
        return value
    raise Mismatch(kind, value)


LIMITS: dict[type, Callable[[Any, Any], bool]] = {
    Ge: lambda x, b: x >= b.ge,
    Gt: lambda x, b: x > b.gt,
    Le: lambda x, b: x <= b.le,
    Lt: lambda x, b: x < b.lt,
    MinLen: lambda x, b: len(x) >= b.min_length,
    FreeText: lambda x, b: bool(x.strip()),
}


def within(value: Any, limit: Any) -> bool:
    """Whether a value keeps a limit; marks that are no limits are kept by all."""
    return LIMITS[type(limit)](value, limit) if type(limit) in LIMITS else True


def is_tuple(kind: Any) -> bool:
    """Whether a type is a list of several values."""
    return get_origin(kind) is tuple or (get_origin(kind) is Annotated and get_origin(get_args(kind)[0]) is tuple)


def mark_of(kind: Any, mark: type) -> Any:
    """The mark of that class which a type carries, or None."""
    return next((m for m in get_args(kind)[1:] if isinstance(m, mark)), None) if get_origin(kind) is Annotated else None


def literal_choices(kind: Any) -> tuple[Any, ...]:
    """The values that a type lists, if it does."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return literal_choices(get_args(kind)[0]) if get_origin(kind) is Annotated else ()


def in_words(kind: Any) -> str:
    """What a hyperparameter may be, as listings and errors say it.

    >>> in_words(Annotated[float, Gt(0), Lt(1)]), in_words(Literal["sgd", "adam"]), in_words(int | None)
    ('float in (0, 1)', 'sgd | adam', 'int | None')
    """
    origin = get_origin(kind)
    if origin is Annotated:
        return bounded(kind)
    if origin is Literal:
        return " | ".join(map(str, get_args(kind)))
    if origin in (Union, UnionType):
        return " | ".join(in_words(k) for k in get_args(kind))
    if origin is tuple:
        kinds = get_args(kind)
        return f"one or several of: {in_words(kinds[0])}" if kinds[-1] is Ellipsis else f"({', '.join(map(in_words, kinds))})"
    return {NoneType: "None", str: "text", bool: "true | false", object: "anything"}.get(kind, getattr(kind, "__name__", str(kind)))


def bounded(kind: Any) -> str:
    """A type with its limits, as in `int in [2, 8]` or `float > 0`; a mark in its own words."""
    inner, *marks = get_args(kind)
    if text := mark_of(kind, FreeText):
        return f"text: {text.what}"
    if member := mark_of(kind, Member):
        return f"one of {member.family}"
    low = next((m for m in marks if isinstance(m, Ge | Gt)), None)
    high = next((m for m in marks if isinstance(m, Le | Lt)), None)
    name = in_words(inner)
    match low, high:
        case None, None:
            return name
        case _, None:
            return f"{name} {'>=' if isinstance(low, Ge) else '>'} {getattr(low, 'ge', getattr(low, 'gt', ''))}"
        case None, _:
            return f"{name} {'<=' if isinstance(high, Le) else '<'} {getattr(high, 'le', getattr(high, 'lt', ''))}"
    below = f"[{low.ge}" if isinstance(low, Ge) else f"({getattr(low, 'gt', '')}"
    above = f"{high.le}]" if isinstance(high, Le) else f"{getattr(high, 'lt', '')})"
    return f"{name} in {below}, {above}"
