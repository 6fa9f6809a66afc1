"""Recovery: what rounding does to one model's memory, beside retrained models and beside its own rounding errors dealt anew."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Value, Views, attempt, references_of
from canforget.evaluation.matched_sets import exchangeable_views
from canforget.evaluation.membership_scores import Ints
from canforget.evaluation.memory_measures import Memory, covariance, memory, unseen_places
from canforget.evaluation.rebound import NOISE_DRAWS, band_around, noise_p, rebound
from canforget.evaluation.statistics import prediction_interval
from canforget.hyperparameters import Measures, View
from canforget.registry import component

Found = dict[str, Value | NotRun]


@dataclass(frozen=True)
class NoiseControl:
    """A measure on the images that noise was judged on: of the rounded model, of every draw of noise, and before rounding."""

    rounded: Memory
    drawn: list[Memory]
    before: Memory


@dataclass(frozen=True)
class BeforeAndAfter:
    """A measure of every model, rounded and before rounding; and what noise does in the place of rounding, or why that is not known."""

    subject: Memory
    retrained: list[Memory]
    subject_before: Memory
    retrained_before: list[Memory]
    control: NoiseControl | NotRun


@component(version=5, needs=("full_precision", "retrained"))
def recovery(
    evidence: Evidence,
    *,
    rng: numpy.random.Generator,
    measures: Measures = ("accuracy", "probability", "margin", "rank", "auc"),
    view: View = "forget",
) -> Audit:
    """Per measure of `view`, up meaning remembered (`rank` is negated: 0 is the answer, -1 second place): what rounding does, beside noise.

    `*_rebound` is m(Q u) - m(u); its interval covers images. `*_rebound_retrained` is the same of retrained models, with the band of one
    more; `*_excess` is the first less the second, within that band.

    On the images that noise was judged on (they may be fewer): `*_rounded` is m(Q u); `*_noise_rebound` the mean over draws of the rebound
    where the channels' rounding errors were dealt anew; `*_beside_noise` the rounding's rebound less that mean, with an interval over
    images; `*_noise_p` the share of draws that move farther up, ties and the rounding itself counted half, so that it is uniform where
    rounding is one draw among others.

    Limits: one model's figures, and of the exact rounding that was predicted with; they claim nothing. Whether rounding brings something
    back is decided over seeds (`canforget.evaluation.rebound.recovery_effects`; `canforget show --recovery`).
    """
    evidence = with_exchangeable_views(evidence) if evidence.coins and view != "test_forget" else evidence
    places = attempt(unseen_places, evidence.subject, rng, evidence.coins)
    values: Found = {}
    for measure in measures:
        case = attempt(case_of, evidence, measure, view, places, rng)
        found = {"rebound": case} if isinstance(case, NotRun) else figures(case)
        values |= {f"{measure}_{name}": value for name, value in found.items()}
    return Audit(values)


def with_exchangeable_views(evidence: Evidence) -> Evidence:
    """The evidence without matched test images, which coins make no part of the unseen ones."""

    def kept(views: Iterable[Views]) -> tuple[Views, ...]:
        return tuple(exchangeable_views(v, True) for v in views)

    before = evidence.full_precision
    return replace(
        evidence, subject=exchangeable_views(evidence.subject, True), retrained=kept(evidence.retrained), noise=kept(evidence.noise),
        full_precision=None if before is None else with_exchangeable_views(before),
    )  # fmt: skip


def case_of(evidence: Evidence, measure: str, view: str, places: Ints | NotRun, rng: numpy.random.Generator) -> BeforeAndAfter:
    """The measure of every model; raises `NotMeasurable` where it cannot be had of one."""
    before = evidence.full_precision
    if before is None:
        raise NotMeasurable("needs the models before rounding")
    after, earlier = references_of(evidence), references_of(before)
    if len(after) != len(earlier):
        raise NotMeasurable(f"{len(after)} rounded retrained models and {len(earlier)} before rounding")
    models = (evidence.subject, before.subject, *after, *earlier)
    if differ(models, view):
        raise NotMeasurable(f"'{view}' holds other images for one model than for another")
    subject, start, *retrained = measured(models, measure, view, places)
    g = len(after)
    control = attempt(noise_control, evidence, before.subject, measure, view, rng)
    return BeforeAndAfter(subject, retrained[:g], start, retrained[g:], control)


def measured(models: Iterable[Views], measure: str, view: str, places: Ints | NotRun) -> list[Memory]:
    """The measure of every model; raises `NotMeasurable` where the AUC lacks matched unseen images."""
    if measure == "auc" and isinstance(places, NotRun):
        raise NotMeasurable(places.reason)
    return [memory(views, measure, view, None if isinstance(places, NotRun) else places) for views in models]


def noise_control(evidence: Evidence, before: Views, measure: str, view: str, rng: numpy.random.Generator) -> NoiseControl:
    """A measure after rounding, after each draw of noise, and before; all on the images that noise was judged on."""
    subject, noise = evidence.subject, evidence.noise
    if len(noise) < NOISE_DRAWS:
        raise NotMeasurable(f"needs {NOISE_DRAWS} draws of weight noise, and there are {len(noise)}")
    pair = [restricted(views, noise[0]) for views in (subject, before)]
    if differ((*pair, *noise), view) or any(sizes(v) != sizes(noise[0]) for v in pair):
        raise NotMeasurable("noise was judged on images that the subject was not")
    places = attempt(unseen_places, noise[0], rng, evidence.coins)
    after, start, *drawn = measured((*pair, *noise), measure, view, places)
    return NoiseControl(after, drawn, start)


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
    others = rebound([m.value for m in case.retrained], [m.value for m in case.retrained_before])
    null = [after.minus([before]) for after, before in zip(case.retrained, case.retrained_before)]
    values: Found = {
        "rebound": over_images(moved),
        "rebound_retrained": Value(float(others.mean()), prediction_interval(others), len(others)),
        "excess": band_around(float(moved.value - others.mean()), others, error(moved.minus(null))),
    }
    return values | beside_noise(case.control)


def beside_noise(control: NoiseControl | NotRun) -> Found:
    """The figures of one measure on the images that noise was judged on."""
    if isinstance(control, NotRun):
        return dict.fromkeys(("rounded", "noise_rebound", "beside_noise", "noise_p"), control)
    after, drawn = control.rounded.value, [m.value for m in control.drawn]
    p = attempt(noise_p, after, drawn)
    return {
        "rounded": over_images(control.rounded),
        "noise_rebound": Value(float(numpy.mean(drawn)) - control.before.value, n=len(drawn)),
        "beside_noise": over_images(control.rounded.minus(control.drawn)),
        "noise_p": p if isinstance(p, NotRun) else Value(p, n=len(drawn)),
    }


def over_images(measure: Memory) -> Value:
    """A value with its interval over the choice of images."""
    half = error(measure)
    return Value(measure.value, (measure.value - half, measure.value + half), min(map(len, measure.parts)))


def error(measure: Memory) -> float:
    """Half the width of a value's interval over the choice of images."""
    return 1.96 * float(numpy.sqrt(covariance(measure, measure)))
