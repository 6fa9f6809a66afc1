"""Each image of a pool is trained on, then forgotten, or never trained on, by its own fair coin: what makes one model's audit exact."""

from typing import Annotated

import numpy
from annotated_types import Ge
from numpy.random import Generator

from canforget.data.dataset import Table
from canforget.data.split import Tossed
from canforget.data.stratify import class_number, draw_stratified, forgettable
from canforget.errors import PlanError, SpecError
from canforget.hyperparameters import ClassOrClasses, Share
from canforget.registry import component


@component(version=1)
def randomized_inclusion(
    train: Table,
    *,
    class_names: tuple[str, ...],
    rng: Generator,
    classes: ClassOrClasses | None = None,
    fraction: Share | None = None,
    count: Annotated[int, Ge(2)] | None = None,
    draw: Annotated[int, Ge(0)] = 0,
    twin: bool = False,
) -> Tossed:
    """The *in* half (the forget set) and the *out* half (held out of all training) of a pool of training images.

    The pool is a `fraction` in (0, 1], or a `count`, of the images of `classes` (names or numbers; all, when left out), in their class
    proportions; all of these when neither is given. It is the same for every `draw`, which tosses the coins anew: several draws are the
    worlds of U-LiRA, and forget sets as a random effect. `twin` turns every coin of its draw (swap twin). Coins are independent, so that
    the halves are of equal size on average only.

    >>> table = Table(numpy.array([0, 1] * 50), numpy.arange(100))
    >>> halves = randomized_inclusion(table, class_names=("cat", "dog"), rng=numpy.random.default_rng(0), fraction=0.1)
    >>> len(halves.inside) + len(halves.outside)
    10
    """
    candidates = train
    if classes is not None:
        named = classes if isinstance(classes, tuple | list) else (classes,)
        candidates = train.where(numpy.isin(train.labels, [class_number(c, class_names, "randomized_inclusion") for c in named]))
    coins = rng.spawn(draw + 1)[draw] if draw >= 0 else rng
    pool = draw_stratified(candidates, pool_size(len(candidates), fraction, count, draw), rng)
    inside = (coins.random(len(pool)) < 0.5) != twin
    if inside.all() or not inside.any():
        raise PlanError(f"randomized_inclusion: all {len(pool)} coins fell on one side; take a larger pool, or another draw")
    forgettable(pool, train, "randomized_inclusion")
    return Tossed(pool[inside], pool[~inside])


def pool_size(available: int, fraction: float | None, count: int | None, draw: int) -> int:
    """How many images are tossed for; raises `SpecError` where that cannot be."""
    if fraction is not None and count is not None:
        raise SpecError("randomized_inclusion: pass only one of fraction (in (0, 1]) and count")
    if fraction is not None and not 0 < fraction <= 1:
        raise SpecError(f"randomized_inclusion: fraction={fraction}: must be greater than 0 and at most 1")
    if count is not None and not 2 <= count <= available:
        raise SpecError(f"randomized_inclusion: count={count}: must be at least 2 and at most the {available} images there are")
    if draw < 0:
        raise SpecError(f"randomized_inclusion: draw={draw}: must be 0 or more")
    return count if count is not None else round((1.0 if fraction is None else fraction) * available)


def refuses(*, classes: object, fraction: float | None, count: int | None) -> str:
    """Why these hyperparameters cannot go together, or nothing."""
    if fraction is not None and count is not None:
        return "give only one of fraction and count, as in randomized_inclusion:count=2000"
    if classes is None and (fraction is None or fraction == 1) and count is None:
        return "give the pool, as in randomized_inclusion:fraction=0.1: if all images are tossed for, none is retained"
    return ""
