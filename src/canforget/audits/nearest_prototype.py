"""Nearest prototype: do a few forgotten images suffice to recognize their class in the features?"""

import numpy

from canforget.evaluation.evidence import Audit, Evidence
from canforget.evaluation.feature_probes import nearest_prototypes, probed
from canforget.hyperparameters import Counts, Draws
from canforget.registry import component


@component(paper="Snell et al. 2017, https://arxiv.org/abs/1703.05175", version=1)
def nearest_prototype(evidence: Evidence, *, rng: numpy.random.Generator, shots: Counts = (5, 20), draws: Draws = 10) -> Audit:
    """Accuracy of class means over `shots` trained images each on unseen images matched to the forget set, in [0, 1], mean over `draws`.

    `excess_5_shots` is beyond the retrained models', the figure to judge by: above its band, the features still hold the class, whatever
    the output says (a masked head passes every output metric, and not this). Features of a retrained model tell a class that it
    never saw rather well.

    Source: equation 1 on frozen features. Deviation: cosine in place of Euclidean distance, for features of unlike scale.
    """
    return probed(evidence, nearest_prototypes, shots, draws, rng)
