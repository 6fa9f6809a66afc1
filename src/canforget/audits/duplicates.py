"""Near-duplicates: which forgotten images have an almost equal one that was kept, or is in the test set?"""

from collections.abc import Mapping
from typing import Annotated

import numpy
from annotated_types import Ge, Le

from canforget.errors import NotMeasurable
from canforget.evaluation.calibrated import NearDuplicates, near_duplicates
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Predictions, Value, Views, attempt, references_of, view_of
from canforget.evaluation.membership_scores import evenly
from canforget.hyperparameters import Sample
from canforget.registry import component


@component(version=1, needs=("retrained",))
def duplicates(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    images: Sample = 2000,
    listed: Annotated[int, Ge(0), Le(1000)] = 10,
) -> Audit:
    """How many of the forget set have a near-duplicate in the retain set (`retain`) and in the test set (`test`), by a retrained model.

    An image counts when its features' cosine is greater than that of all but .5 % of retained images to their own nearest retained image;
    so many are `expected` by chance. The `listed` nearest pairs follow, `retain_12~345` for the forgotten image 12 and the kept one 345,
    with their cosine. What is still there cannot be forgotten: hold it beside every residue. Needs features.

    Limits: at most `images` forgotten ones are looked up, among the retain images that are judged; as fine as the features, which take
    images of one object for one another.
    """
    model = (evidence.retrained or references_of(evidence))[0]
    forget = featured(model, "forget", images)
    values: dict[str, Value | NotRun] = {}
    for name in ("retain", "test"):
        found = attempt(looked_up, model, forget, name)
        values |= {name: found} if isinstance(found, NotRun) else counted(found, name, len(forget), listed)
    return Audit(values)


def featured(model: Views, view: str, images: int) -> Predictions:
    """At most `images` images of a view with features; raises `NotMeasurable` where none were kept."""
    found = evenly(view_of(model, view), images)
    if found.features is None:
        raise NotMeasurable("needs features; keep them with features = true")
    return found


def looked_up(model: Views, forget: Predictions, name: str) -> NearDuplicates:
    """The near-duplicates of the forget set in a view, by the threshold of the retain set."""
    parts = [featured(model, view, len(model[view])) for view in ("retain", name)]
    pairs = [(p.features, p.ids) for p in (forget, *parts) if p.features is not None]
    return near_duplicates(pairs[0], pairs[1], None if name == "retain" else pairs[2])


def counted(found: NearDuplicates, name: str, asked: int, listed: int) -> Mapping[str, Value]:
    """How many there are and how many chance would have, then the nearest pairs."""
    values = {name: Value(len(numpy.unique(found.forget)), n=asked), f"{name}_expected": Value(found.expected, n=asked)}
    pairs = zip(found.forget[:listed], found.other[:listed], found.cosine[:listed], strict=True)
    return values | {f"{name}_{f}~{o}": Value(float(cosine)) for f, o, cosine in pairs}
