"""Support-vector membership: the attack of SalUn's tables, and the same machine asked the right question."""

from typing import Annotated

import numpy
from annotated_types import Ge, Le

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, attempt, references_of
from canforget.evaluation.matched_sets import MatchedSets, matched_sets
from canforget.evaluation.membership_scores import confidence, taken_for_unseen
from canforget.evaluation.statistics import Floats
from canforget.evaluation.ua_ra_ta_mia import unseen_view
from canforget.hyperparameters import Sample
from canforget.registry import component


@component(paper="Fan et al. 2024 (SalUn), https://arxiv.org/abs/2310.12508", version=1)
def svc_membership(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    images: Sample = 2000,
    folds: Annotated[int, Ge(2), Le(20)] = 5,
) -> Audit:
    """`efficacy`: fraction of the forget set that a machine trained on retain against test images takes for unseen, in [0, 1].

    Comparable with the MIA column of papers; `efficacy_excess` is its distance from the retrained models' mean, with a sign. For a
    forgotten class it is near 1 whenever the class is no longer predicted, and says nothing about membership. `matched_accuracy` trains
    the same machine to tell the forget set from matched unseen images and scores it on images it has not seen: .5 is nothing to tell.

    Source: SalUn's code, confidence of the labelled class, C 3, RBF. Deviation: at most `images` images of each set.
    """
    efficacy = attempt(taken_for_unseen, evidence.subject, unseen_view(evidence), images)
    matched = attempt(matched_sets, evidence, rng)
    values: dict[str, Value | NotRun] = (
        {"efficacy": efficacy, "efficacy_excess": efficacy}
        if isinstance(efficacy, NotRun)
        else {"efficacy": Value(efficacy), "efficacy_excess": attempt(efficacy_excess, evidence, efficacy, images)}
    )
    accuracy = matched if isinstance(matched, NotRun) else attempt(machine_accuracy, matched[0], rng, images, folds)
    return Audit(values | {"matched_accuracy": accuracy})


def efficacy_excess(evidence: Evidence, efficacy: float, images: int) -> Value:
    """Efficacy minus the mean of the retrained models'."""
    retrained = [taken_for_unseen(views, unseen_view(evidence), images) for views in references_of(evidence)]
    return Value(efficacy - float(numpy.mean(retrained)), n=len(retrained))


def machine_accuracy(pair: MatchedSets, rng: numpy.random.Generator, images: int, folds: int) -> Value:
    """Balanced accuracy on images left out of training, of as many members as others."""
    size = min(images, len(pair.forget), len(pair.unseen))
    if size < 2 * folds:
        raise NotMeasurable(f"needs {2 * folds} images a side, and there are {size}")
    values = numpy.concatenate([confidence(part)[rng.permutation(len(part))[:size]] for part in (pair.forget, pair.unseen)])
    member = numpy.repeat([1, 0], size)
    return Value(left_out(values, member, numpy.tile(numpy.arange(size) % folds, 2)), n=2 * size)


def left_out(values: Floats, member: Floats, fold: Floats) -> float:
    """Accuracy of machines trained on the other folds."""
    from sklearn.svm import SVC

    right = numpy.zeros(len(values), dtype=bool)
    for k in numpy.unique(fold):
        machine = SVC(C=3, gamma="auto", kernel="rbf").fit(values[fold != k, None], member[fold != k])
        right[fold == k] = machine.predict(values[fold == k, None]) == member[fold == k]
    return float(right.mean())
