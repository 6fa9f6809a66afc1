"""Images drawn at random are forgotten: a fraction or a number of them, from all classes alike."""

from typing import Annotated

from annotated_types import Ge
from numpy.random import Generator

from canforget.data.dataset import Ids, Table
from canforget.data.stratify import draw_stratified, forgettable
from canforget.errors import SpecError
from canforget.hyperparameters import Part
from canforget.registry import component


@component(version=1)
def random_samples(
    train: Table,
    *,
    class_names: tuple[str, ...],
    rng: Generator,
    fraction: Part | None = None,
    count: Annotated[int, Ge(1)] | None = None,
    stratified: bool = True,
) -> Ids:
    """Sorted ids of a random `fraction` in (0, 1), or a `count`, of the training images; pass one of the two.

    `stratified` keeps the class proportions of the training set within one image; otherwise they vary as chance has it.

    >>> import numpy
    >>> table = Table(numpy.array([0] * 6 + [1] * 4), numpy.arange(10))
    >>> chosen = random_samples(table, class_names=("cat", "dog"), rng=numpy.random.default_rng(0), fraction=0.5)
    >>> table.only(chosen).labels.tolist()
    [0, 0, 0, 1, 1]
    """
    if (fraction is None) == (count is None):
        raise SpecError(f"random_samples: pass {'either' if fraction is None else 'only one of'} fraction (in (0, 1)) or count")
    if fraction is not None and not 0 < fraction < 1:
        raise SpecError(f"random_samples: fraction={fraction}: must be greater than 0 and less than 1")
    if count is not None and not 0 < count < len(train):
        raise SpecError(f"random_samples: count={count}: must be at least 1 and less than the {len(train)} training images")
    number = count if count is not None else round((fraction or 0) * len(train))
    chosen = draw_stratified(train, number, rng) if stratified else rng.permutation(train.ids)[:number]
    return forgettable(chosen, train, "random_samples")


def refuses(*, fraction: float | None, count: int | None) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if (fraction is None) == (count is None):
        return f"give {'either' if fraction is None else 'only one of'} fraction (in (0, 1)) or count, as in random_samples:fraction=0.1"
    return ""
