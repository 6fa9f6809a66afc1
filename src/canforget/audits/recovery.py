"""Recovery: does rounding bring the forgotten back, beyond what it does to retrained models and what random noise does?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, Views, attempt, references_of
from canforget.evaluation.membership_scores import Ints
from canforget.evaluation.memory_measures import Memory, covariance, memory, unseen_places
from canforget.evaluation.rebound import Ratio, claim, excess_rebound, fraction, rebound
from canforget.evaluation.statistics import prediction_interval
from canforget.hyperparameters import Measures, View
from canforget.registry import component

Found = dict[str, Value | NotRun]


@dataclass(frozen=True)
class NoiseControl:
    """Rebounds on the images that noise was judged on: the rounding's own, and that of every draw of noise."""

    rounding: float
    noise: list[float]


@dataclass(frozen=True)
class BeforeAndAfter:
    """A measure of every model, rounded and before rounding; and what noise does in the place of rounding, or why that is not known."""

    subject: Memory
    original: Memory
    retrained: list[Memory]
    subject_before: Memory
    retrained_before: list[Memory]
    control: NoiseControl | NotRun


@component(version=3, needs=("full_precision", "original", "retrained"))
def recovery(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    measures: Measures = ("accuracy", "probability", "margin", "rank", "auc"),
    view: View = "forget",
) -> Audit:
    """Per measure of `view`: rebound, rebound of retrained models, excess, recovered fraction and the claim.

    `*_rebound` is m(Q u) - m(u), up meaning remembered (`rank` is negated: 0 is the answer, -1 second place); its interval covers images.
    `*_rebound_retrained` is the same of retrained models, with the band of one more. `*_excess` is the first less the second.
    `*_recovered_fraction` is 0 as the rounded retrained models, 1 as the rounded original. `*_recovered` is 1 only where the excess is
    above its band *and* 19 draws of norm-matched noise or more are exceeded, else 0; `*_noise_p` is the share of draws as strong, on the
    images that noise was judged on (they may be fewer).

    Limits: speaks of the exact rounding that was predicted with, and of one training seed of the subject; `canforget.evaluation.rebound` has the
    same over seeds. Interval of the fraction: Fieller's, from images and, with two retrained models or more, their spread.
    """
    places = attempt(unseen_places, evidence.subject, rng)
    values: Found = {}
    for measure in measures:
        case = attempt(case_of, evidence, measure, view, places, rng)
        found = {"rebound": case} if isinstance(case, NotRun) else figures(case)
        values |= {f"{measure}_{name}": value for name, value in found.items()}
    return Audit(values)


def case_of(evidence: Evidence, measure: str, view: str, places: Ints | NotRun, rng: numpy.random.Generator) -> BeforeAndAfter:
    """The measure of every model; raises `NotMeasurable` where it cannot be had of one."""
    before = evidence.full_precision
    if before is None or evidence.original is None:
        raise NotMeasurable("needs the original model and the models before rounding")
    after, earlier = references_of(evidence), references_of(before)
    if len(after) != len(earlier):
        raise NotMeasurable(f"{len(after)} rounded retrained models and {len(earlier)} before rounding")
    models = (evidence.subject, evidence.original, before.subject, *after, *earlier)
    if differ(models, view):
        raise NotMeasurable(f"'{view}' holds other images for one model than for another")
    subject, original, start, *retrained = measured(models, measure, view, places)
    g = len(after)
    control = attempt(noise_control, evidence.subject, before.subject, evidence.noise, measure, view, rng)
    return BeforeAndAfter(subject, original, retrained[:g], start, retrained[g:], control)


def measured(models: Iterable[Views], measure: str, view: str, places: Ints | NotRun) -> list[Memory]:
    """The measure of every model; raises `NotMeasurable` where the AUC lacks matched unseen images."""
    if measure == "auc" and isinstance(places, NotRun):
        raise NotMeasurable(places.reason)
    return [memory(views, measure, view, None if isinstance(places, NotRun) else places) for views in models]


def noise_control(
    subject: Views, before: Views, noise: tuple[Views, ...], measure: str, view: str, rng: numpy.random.Generator
) -> NoiseControl:  # fmt: skip
    """What rounding and noise each do to a measure, on the same images: those that noise was judged on."""
    if not noise:
        return NoiseControl(0.0, [])
    pair = [restricted(views, noise[0]) for views in (subject, before)]
    if differ((*pair, *noise), view) or any(sizes(v) != sizes(noise[0]) for v in pair):
        raise NotMeasurable("noise was judged on images that the subject was not")
    places = attempt(unseen_places, noise[0], rng)
    after, start, *drawn = [m.value for m in measured((*pair, *noise), measure, view, places)]
    return NoiseControl(after - start, [value - start for value in drawn])


def sizes(views: Views) -> dict[str, int]:
    """The number of images in each set."""
    return {name: len(p) for name, p in views.items()}


def restricted(views: Views, like: Views) -> Views:
    """The predictions on the sets and images of `like`, in their own order."""
    return {name: views[name].where(numpy.isin(views[name].ids, like[name].ids)) for name in like if name in views}


def differ(models: tuple[Views, ...], view: str) -> bool:
    """Whether some model was judged on other images than the first, or in another order."""
    for name in (view, "forget", "test_forget", "held_out"):
        ids = [m[name].ids for m in models if name in m]
        if any(not numpy.array_equal(i, ids[0]) for i in ids):
            return True
    return False


def figures(case: BeforeAndAfter) -> Found:
    """All figures of one measure."""
    moved = case.subject.minus([case.subject_before])
    half = error(moved)
    others = rebound([m.value for m in case.retrained], [m.value for m in case.retrained_before])
    null = [after.minus([before]) for after, before in zip(case.retrained, case.retrained_before)]
    floor = error(moved.minus(null))
    values: Found = {
        "rebound": Value(moved.value, (moved.value - half, moved.value + half)),
        "rebound_retrained": Value(float(others.mean()), prediction_interval(others), len(others)),
        "excess": excess_rebound([moved.value], others, floor),
        "recovered_fraction": attempt(fraction, ratio_of(case), len(others)),
    }
    control = case.control
    if isinstance(control, NotRun):
        return values | {"recovered": control, "noise_p": control}
    decided = attempt(claim, [moved.value], others, control.noise, floor, beside_noise=[control.rounding])
    if isinstance(decided, NotRun):
        return values | {"recovered": decided, "noise_p": decided}
    return values | {"recovered": Value(float(decided.recovered)), "noise_p": Value(decided.noise_p, n=len(control.noise))}


def error(measure: Memory) -> float:
    """Half the width of a value's interval over the choice of images."""
    return 1.96 * float(numpy.sqrt(covariance(measure, measure)))


def ratio_of(case: BeforeAndAfter) -> Ratio:
    """Subject and original, each less the retrained mean; the spread of retrained models is in both."""
    above, below = case.subject.minus(case.retrained), case.original.minus(case.retrained)
    count = len(case.retrained)
    shared = float(numpy.var([m.value for m in case.retrained], ddof=1)) / count if count > 1 else 0.0
    freedom = count - 1 if count > 1 else max(1, min(map(len, case.subject.parts)) - 1)
    variances = (covariance(above, above) + shared, covariance(below, below) + shared, covariance(above, below) + shared)
    return Ratio(above.value, below.value, *variances, freedom)
