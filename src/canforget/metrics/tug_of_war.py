"""ToW, tug of war: forgetting, keeping and generalizing as retraining does, in one product."""

from canforget.evaluation.evidence import Evidence, Value
from canforget.evaluation.ua_ra_ta_mia import gaps
from canforget.registry import component


@component(paper="Zhao et al. 2024, https://arxiv.org/abs/2406.01257", version=1, needs=("retrained",))
def tug_of_war(evidence: Evidence) -> Value:
    """Π (1 - |accuracy - mean accuracy of the retrained models|) over forget, retain and test set, in [0, 1]; 1 is retraining.

    Source: equation 3. Deviation: the test set is without the forgotten classes when whole classes are forgotten, as in TA.
    """
    found = gaps(evidence)
    return Value((1 - found.unlearning) * (1 - found.remaining) * (1 - found.testing), n=len(evidence.references))
