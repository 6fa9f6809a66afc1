"""An audit of your own in one file: are forgotten images recognized with a wider margin than unseen images of the same classes?

canforget check examples/margin_gap.py
"""

import numpy

from canforget import Audit, Evidence, Predictions, Value, component
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import view_of


@component("audits", paper="none: an example", version=1)
def margin_gap(evidence: Evidence, *, rng: numpy.random.Generator, most: float = 20.0) -> Audit:
    """Mean margin in nats on the forget set less that on unseen test images of the same classes, margins cut off at `most`.

    A margin is the label's logit less the largest other. 0 is nothing to tell; above it the forget set looks trained on. The interval
    over images, at 95 %.
    """
    sets = [view_of(evidence.subject, view) for view in ("forget", "test_forget")]
    margins = [margins_of(predictions, most) for predictions in sets]
    if min(map(len, margins)) < 2:
        raise NotMeasurable("needs two images on each side")
    means, errors = [m.mean() for m in margins], [m.var(ddof=1) / len(m) for m in margins]
    gap, half = float(means[0] - means[1]), 1.96 * float(numpy.sqrt(sum(errors)))
    return Audit({"gap": Value(gap, (gap - half, gap + half), sum(map(len, margins)))}, {"margin": margins[0]}, {"margin": sets[0].ids})


def margins_of(predictions: Predictions, most: float) -> numpy.ndarray:
    """The margin of every image [n], between -`most` and `most`."""
    logits, rows = predictions.logits.astype(float), numpy.arange(len(predictions))
    own = logits[rows, predictions.labels]
    logits[rows, predictions.labels] = -numpy.inf
    return numpy.clip(own - logits.max(axis=1), -most, most)
