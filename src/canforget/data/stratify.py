"""Draws that keep the proportions of the classes: by a random stream, or fixed for ever by the images' names."""

import hashlib
from collections.abc import Sequence

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from canforget.data.dataset import Ids, Mask, Table
from canforget.errors import PlanError, SpecError, did_you_mean

Counts = NDArray[numpy.int64]


def apportion(total: int, sizes: Counts) -> Counts:
    """Shares of `total` in proportion to `sizes` [classes], each within one of its exact quota, by the largest remainder.

    Exact in integers; ties go to the lowest class. When `total` is at most the sum of `sizes`, no share exceeds its size.

    >>> apportion(10, numpy.array([50, 30, 21])).tolist()
    [5, 3, 2]
    """
    sizes = numpy.asarray(sizes, dtype=numpy.int64)
    whole = max(int(sizes.sum()), 1)
    shares, remainders = total * sizes // whole, total * sizes % whole
    missing = (total if sizes.any() else 0) - int(shares.sum())
    shares[numpy.argsort(-remainders, kind="stable")[:missing]] += 1
    return shares


def histogram(table: Table, num_classes: int) -> Counts:
    """Number of images of each class [num_classes].

    >>> histogram(Table(numpy.array([0, 2, 2]), numpy.arange(3)), 3).tolist()
    [1, 0, 2]
    """
    return numpy.bincount(table.labels, minlength=num_classes).astype(numpy.int64)


def draw(table: Table, counts: Counts, rng: Generator) -> Ids:
    """Sorted ids of `counts[c]` different images drawn from each class c of `table`; a class must have as many as are asked of it."""
    members = members_of_classes(table.labels, len(counts))
    drawn = [rng.permutation(table.ids[members[c]])[: counts[c]] for c in numpy.flatnonzero(counts)]
    return numpy.sort(numpy.concatenate([numpy.empty(0, numpy.int64), *drawn]))


def members_of_classes(labels: NDArray[numpy.int64], num_classes: int) -> list[NDArray[numpy.int64]]:
    """The places of each class's images, in order: one sort, where a comparison for each of a thousand classes takes a minute.

    >>> [places.tolist() for places in members_of_classes(numpy.array([2, 0, 2]), 3)]
    [[1], [], [0, 2]]
    """
    counts = numpy.bincount(labels, minlength=num_classes)
    return numpy.split(numpy.argsort(labels, kind="stable"), numpy.cumsum(counts)[:-1])


def draw_stratified(table: Table, count: int, rng: Generator) -> Ids:
    """Sorted ids of `count` images of `table`, whose class proportions they keep within one image."""
    return draw(table, apportion(count, histogram(table, 0)), rng)


def fixed_part(labels: NDArray[numpy.int64], names: Sequence[str], fraction: float) -> Mask:
    """Which images [n] make up a stratified part of `fraction` of all: those whose names have the lowest SHA-256 within their class.

    Needs no seed, no order and no version of a random generator, so a data set without a test set of its own always gets the same one.
    """
    ranks = numpy.array([int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") for name in names], dtype=numpy.uint64)
    shares = apportion(round(fraction * len(labels)), numpy.bincount(labels))
    chosen = numpy.zeros(len(labels), dtype=bool)
    for members, share in zip(members_of_classes(labels, len(shares)), shares, strict=True):
        chosen[members[numpy.argsort(ranks[members], kind="stable")[:share]]] = True
    return chosen


def forgettable(ids: Ids, train: Table, scenario: str) -> Ids:
    """`ids`, sorted; raises `PlanError` when they are nobody, everybody, named twice, or not trained on at all."""
    ids = numpy.sort(numpy.asarray(ids, dtype=numpy.int64))
    if len(ids) == 0:
        raise PlanError(f"{scenario}: the forget set is empty; choose at least one training image")
    if len(numpy.unique(ids)) < len(ids) or not numpy.isin(ids, train.ids).all():
        raise PlanError(f"{scenario}: chose ids twice, or ids outside the training table it was given; return ids of `train`, each once")
    if len(ids) == len(train):
        raise PlanError(f"{scenario}: the forget set is the whole training set ({len(train)} images); leave something to retain")
    return ids


def class_number(named: str | int, class_names: tuple[str, ...], scenario: str) -> int:
    """Number of a class given by its name or its number; a name goes before a number written as a word.

    >>> [class_number(named, ("cat", "dog"), "whole_class") for named in ("dog", 1, "1")]
    [1, 1, 1]
    """
    if named in class_names:
        return class_names.index(str(named))
    number = int(named) if isinstance(named, int) or named.isdecimal() else -1
    if 0 <= number < len(class_names):
        return number
    hint = f"; pass a number from 0 to {len(class_names) - 1}" if isinstance(named, int) else did_you_mean(named, class_names)
    raise SpecError(f"{scenario}: no class '{named}'{hint}")
