"""Ridge probe: how well does a linear classifier on frozen features recognize what was forgotten?"""

import numpy

from canforget.evaluation.evidence import Audit, Evidence
from canforget.evaluation.feature_probes import probed, ridge
from canforget.hyperparameters import Counts, Draws, Positive
from canforget.registry import component


@component(paper="Alain and Bengio 2016, https://arxiv.org/abs/1610.01644", version=1)
def ridge_probe(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    shots: Counts = (50,),
    draws: Draws = 3,
    penalty: Positive = 1.0,
) -> Audit:
    """Accuracy of ridge regression on `shots` trained images a class on unseen images matched to the forget set, in [0, 1].

    `excess_50_shots` is beyond the retrained models', with the band of one more: above it, the features still hold what was forgotten.
    Features are standardized by the images shown; `penalty` is the ridge.
    """
    return probed(evidence, lambda known, labels, asked: ridge(known, labels, asked, penalty), shots, draws, rng)
