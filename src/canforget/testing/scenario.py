"""What every scenario keeps, as one function: `check_scenario` asks it for a forget set of made-up images and names the first promise it breaks."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy

from canforget.data.dataset import Ids, Table
from canforget.data.split import Tossed
from canforget.errors import CanforgetError, ContractError
from canforget.rng import numpy_generator
from canforget.testing.promises import require_kept, require_signature
from canforget.testing.unlearner import random_states

CLASS_NAMES = ("airplane", "cat", "dog", "ship")


def check_scenario(scenario: Callable[..., Ids | Tossed]) -> None:
    """Raises `ContractError` unless `scenario` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take (train, *, class_names, rng) and typed keyword-only hyperparameters; return sorted ids of training images, each once, at
    least one and not all (or two such sets apart, as a `Tossed`: in and out), or refuse with a `CanforgetError`; the same for the same generator; and leave its arguments and the global
    random state alone. On four classes of thirty images it must not refuse.
    """
    require_signature("scenario", scenario, ("train",), ("class_names", "rng"))
    refused = []
    for name, table in tables():
        labels, ids, states = table.labels.copy(), table.ids.copy(), random_states()
        found, again = (forgotten(scenario, table, name) for _ in range(2))
        untouched = numpy.array_equal(table.labels, labels) and numpy.array_equal(table.ids, ids)
        require_kept("scenario", untouched, f"{name}: it changed the table passed in")
        require_kept("scenario", all(map(numpy.array_equal, random_states(), states)), f"{name}: it disturbed the global random state")
        refused += [str(found)] if isinstance(found, CanforgetError) else []
        if isinstance(found, CanforgetError) or isinstance(again, CanforgetError):
            require_kept(
                "scenario", isinstance(again, CanforgetError) and isinstance(found, CanforgetError), f"{name}: it refused once of twice"
            )
            continue
        for part in halves(found):
            check_ids(part, table, name)
        same = all(map(numpy.array_equal, halves(found), halves(again)))
        require_kept("scenario", same, f"{name}: the same generator gave other ids the second time")
        apart = len(numpy.unique(numpy.concatenate(halves(found)))) == sum(map(len, halves(found)))
        require_kept("scenario", apart, f"{name}: an image was tossed both in and out")
    require_kept("scenario", len(refused) < 2, f"it refuses whatever it is given: {refused[0] if refused else ''}")


def halves(found: Any) -> tuple[Any, ...]:
    """The forget set, and what is held out beside it where coins were tossed."""
    return (found.inside, found.outside) if isinstance(found, Tossed) else (found,)


def tables() -> Iterator[tuple[str, Table]]:
    """Four classes of thirty images in random order: ids from 0, and with gaps, as a validation part leaves them."""
    labels = numpy_generator("check scenario").permutation(numpy.repeat(numpy.arange(len(CLASS_NAMES)), 30))
    names = numpy.array([f"{CLASS_NAMES[y]}/{i}.png" for i, y in enumerate(labels)], dtype=object)
    whole = Table(labels.astype(numpy.int64), numpy.arange(len(labels)), names)
    yield "four classes", whole
    yield "ids with gaps", whole.where(whole.ids % 10 != 3)


def forgotten(scenario: Callable[..., Any], table: Table, name: str) -> Any:
    """The ids, or the refusal; a crash breaks the contract."""
    try:
        return scenario(table, class_names=CLASS_NAMES, rng=numpy_generator(f"check scenario {name}"))
    except CanforgetError as refusal:
        require_kept("scenario", bool(str(refusal)), f"{name}: it refused without a word")
        return refusal
    except Exception as problem:
        raise ContractError(f"scenario: {name}: it ended with {type(problem).__name__}: {problem}") from problem


def check_ids(found: Any, table: Table, name: str) -> None:
    """Sorted, each once, among the training images, neither none of them nor all."""
    whole = isinstance(found, numpy.ndarray) and found.ndim == 1 and numpy.issubdtype(found.dtype, numpy.integer)
    require_kept("scenario", whole, f"{name}: it returned {type(found).__name__}, not an array of ids")
    require_kept(
        "scenario", 0 < len(found) < len(table), f"{name}: it forgets {len(found)} of {len(table)} images; at least one, and not all"
    )
    require_kept("scenario", bool((numpy.diff(found) > 0).all()), f"{name}: its ids are not sorted, or name an image twice")
    require_kept("scenario", bool(numpy.isin(found, table.ids).all()), f"{name}: it names images that are not in the table")
