"""One or several classes are forgotten: all their images, or a random fraction of each class."""

import numpy
from numpy.random import Generator

from canforget.data.dataset import Ids, Table
from canforget.data.stratify import class_number, draw, forgettable, histogram
from canforget.errors import SpecError
from canforget.hyperparameters import ClassOrClasses, Share
from canforget.registry import component


@component(version=1)
def whole_class(
    train: Table,
    *,
    class_names: tuple[str, ...],
    rng: Generator,
    classes: ClassOrClasses,
    fraction: Share = 1.0,
) -> Ids:
    """Sorted ids of the images of `classes` (names or numbers; one or several), or of a `fraction` in (0, 1] of each class.

    >>> table = Table(numpy.array([0, 1, 1, 0]), numpy.arange(4))
    >>> whole_class(table, class_names=("cat", "dog"), rng=numpy.random.default_rng(0), classes="dog").tolist()
    [1, 2]
    """
    if not 0 < fraction <= 1:
        raise SpecError(f"whole_class: fraction={fraction}: must be greater than 0 and at most 1")
    named = classes if isinstance(classes, tuple | list) else (classes,)
    numbers = sorted({class_number(c, class_names, "whole_class") for c in named})
    counts = numpy.zeros(len(class_names), dtype=numpy.int64)
    counts[numbers] = numpy.rint(fraction * histogram(train, len(class_names))[numbers])
    return forgettable(draw(train, counts, rng), train, "whole_class")
