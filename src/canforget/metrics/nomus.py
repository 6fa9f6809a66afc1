"""NoMUS: utility and resistance to membership inference, half each."""

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Value, view_of
from canforget.evaluation.matched_sets import matched_sets
from canforget.evaluation.membership_scores import cross_fitted_accuracy, negative_loss
from canforget.evaluation.ua_ra_ta_mia import unseen_view
from canforget.hyperparameters import Fraction
from canforget.registry import component
from canforget.rng import numpy_generator


@component(paper="Choi and Na 2023, https://arxiv.org/abs/2311.02240", version=1)
def nomus(evidence: Evidence, *, utility_weight: Fraction = 0.5) -> Value:
    """`utility_weight` * test accuracy + (1 - `utility_weight`) * (1 - |2 * attack accuracy - 1|), in [0, 1]; higher is better.

    Source: equation 4. Deviations: the attack is a threshold on the loss, chosen on four fifths and scored on the last, of balanced
    accuracy against *matched* unseen images; test images of forgotten classes do not count as utility.
    """
    pair, *_ = matched_sets(evidence, numpy_generator("nomus/matching"))
    test = view_of(evidence.subject, unseen_view(evidence))
    if min(len(pair.forget), len(pair.unseen)) < 10:
        raise NotMeasurable("needs at least 10 images to forget and 10 unseen ones that match them")
    attack = cross_fitted_accuracy(negative_loss(pair.forget), negative_loss(pair.unseen), numpy_generator("nomus"))
    forgetting = 1 - abs(2 * attack - 1)
    return Value(utility_weight * float(test.correct.mean()) + (1 - utility_weight) * forgetting, n=len(test))
