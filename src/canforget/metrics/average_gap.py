"""Average gap: how far the field's columns are from the retrained models', on average."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.ua_ra_ta_mia import gaps
from canforget.hyperparameters import Sample
from canforget.registry import component


@component(paper="Fan et al. 2024 (SalUn), https://arxiv.org/abs/2310.12508", version=1, needs=("retrained",))
def average_gap(evidence: Evidence, *, membership_images: Sample = 1000) -> Value:
    """Mean of |subject - mean of the retrained models| over UA, RA, TA and MIA, in [0, 1]; lower is better, 0 is retraining.

    MIA is the share of the forget set that a support vector machine on confidence takes for unseen, trained on at most
    `membership_images` images a side; 0 leaves the column out. No interval: the gaps are absolute, so that zero is at an edge.

    Source: table 1. Deviation: their machine is trained on as many images as the test set has.
    """
    found = gaps(evidence, membership_images)
    columns = [g for g in (found.unlearning, found.remaining, found.testing, found.membership) if g is not None]
    return Value(sum(columns) / len(columns), n=len(evidence.references))
