"""What the results of single probes say beyond their curves: steps to relearn, nearness for an image so hard, where a memory returns, codes."""

from collections.abc import Mapping
from typing import Any

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evaluate import Plain, plain_value
from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.moderated import paired_image_error
from canforget.evaluation.probe_results import (
    ProbeEvidence,
    ProbeResult,
    Reading,
    Trace,
    Values,
    compared_values,
    excess_of,
    original_of,
    retrained_of,
    trace_of,
)
from canforget.evaluation.rebound import band_around
from canforget.evaluation.statistics import Floats
from canforget.spec import Call

Given = Mapping[str, Any]
START = "start.accuracy"
"""What a model knows before it relearns."""


def named_probe_values(name: str, probe: Call, evidence: ProbeEvidence) -> dict[str, Plain]:
    """The values of a probe under `name`, as JSON holds them; where the split gives the probe nothing to ask, its reason alone."""
    if "refused" in evidence.subject.facts:
        return {name: plain_value(NotRun(evidence.subject.facts["refused"]))}
    found = probe_values(probe.component.traits.get("reading", ""), probe.arguments(), evidence)
    return {f"{name}.{part}": plain_value(value) for part, value in found.items()}


def probe_values(reading: str, given: Given, evidence: ProbeEvidence) -> Values:
    """All values of a probe: those that every probe has, and those of its `reading` (one of `READINGS`, or "" for none)."""
    return compared_values(evidence) | (READINGS[reading](given, evidence) if reading else {})


def anamnesis(given: Given, evidence: ProbeEvidence) -> Values:
    """For every `.accuracy` along steps: the steps to come within `within` of the original's accuracy at the start, and the AIN.

    `steps_excess` is against the mean of retrained models: below 0, it is relearned faster than it was ever learned. `ain` is the quotient
    of the two, 1 for retraining, near 0 for what was only hidden. Who is not there at the end counts as one step more than there were;
    then the quotient is a bound, and named so (`ain_at_most`, `ain_at_least`).

    Source: Chundawat et al. 2023, https://arxiv.org/abs/2201.06640, section 5.
    """
    found: Values = {}
    for name in [n for n in evidence.subject.traces if n.endswith(".accuracy") and n != START]:
        parts = attempt(anamnesis_of, name, float(given["within"]), evidence)
        run = name.removesuffix(".accuracy")
        found |= {f"{run}.steps": parts} if isinstance(parts, NotRun) else {f"{run}.{k}": v for k, v in parts.items()}
    return found


def anamnesis_of(name: str, within: float, evidence: ProbeEvidence) -> Values:
    """Steps, their excess and the AIN along one curve."""
    own = trace_of(evidence.subject, name)
    target = (1 - within) * float(trace_of(original_of(evidence), START).means[0])
    beyond = float(own.doses[-1]) + 1
    needed = steps_needed(own, target)
    never = NotRun(f"not within {own.doses[-1]:g} steps")
    found: Values = {"steps": never if needed is None else Value(needed, n=len(own.ids))}
    others = attempt(lambda: [steps_needed(trace_of(g, name), target) for g in retrained_of(evidence)])
    if isinstance(others, NotRun):
        return found | {"steps_excess": others, "ain": others}
    counted, mine = [beyond if s is None else s for s in others], beyond if needed is None else needed
    found |= {"steps_retrained": Value(float(numpy.mean(counted)), n=len(counted)), "steps_excess": excess_of(mine, counted)}
    return found | anamnesis_index(mine, counted, needed is None, None in others)


def anamnesis_index(own: float, retrained: list[float], own_censored: bool, any_censored: bool) -> Values:
    """The quotient of steps, or the bound that is known of it."""
    mean = float(numpy.mean(retrained))
    if mean == 0:
        return {"ain": NotRun("the retrained models are there without a step: relearning shows nothing here")}
    if own_censored and any_censored:
        return {"ain": NotRun("neither this model nor every retrained one is there within the steps taken")}
    if own_censored or any_censored:
        word, name = ("at least", "ain_at_least") if own_censored else ("at most", "ain_at_most")
        return {"ain": NotRun(f"censored: {word} {own / mean:.3g}"), name: Value(own / mean, n=len(retrained))}
    return {"ain": Value(own / mean, n=len(retrained))}


def steps_needed(trace: Trace, target: float) -> float | None:
    """The first dose at which the mean reaches `target`, or `None`.

    >>> steps_needed(Trace(numpy.arange(3.0), numpy.array([[0.0], [0.5], [1.0]]), numpy.arange(1)), 0.5)
    1.0
    """
    there = numpy.flatnonzero(trace.means >= target - 1e-12)
    return float(trace.doses[there[0]]) if len(there) else None


def regressed_radius(given: Given, evidence: ProbeEvidence) -> Values:
    """How much nearer the forgotten labels are than those of unseen images as hard: `nearness`, in fractions of the pixel range.

    Hardness of an image is its mean radius under the retrained models, which have seen neither kind. The subject's radii on unseen images
    are regressed on it by least squares, which takes up how fragile the subject is; nearness is the line less the subject's radius, mean over
    forgotten images: 0 for retraining, above 0 where the label is nearer than it should be. Every retrained model is judged alike, by the
    others; `nearness_excess` is over their mean, with the band of one more. Radii beyond the greatest tried are censored and count as that:
    `measured` is the share of the images that are not, and says so where these are less than half.
    """
    greatest = float(given["most"])
    found: Values = {}
    there = {kind: attempt(trace_of, evidence.subject, f"{kind}.radius") for kind in ("forget", "unseen")}
    radii = {kind: trace.values[0] for kind, trace in there.items() if not isinstance(trace, NotRun)}
    for kind, values in radii.items():
        found |= {f"{kind}.{name}": value for name, value in median_radius(values, greatest).items()}
    if radii:
        found["measured"] = attempt(share_measured, radii, greatest)
    judged = attempt(nearness, evidence)
    return found | ({"nearness": judged, "nearness_excess": judged} if isinstance(judged, NotRun) else judged)


def median_radius(radii: Floats, greatest: float) -> Values:
    """The share of images whose radius is beyond the greatest tried, and the median radius, or the bound that is known of it."""
    median, n = float(numpy.median(radii)), len(radii)
    found: Values = {"censored": Value(float((radii >= greatest).mean()), n=n)}
    if median < greatest:
        return found | {"median_radius": Value(median, n=n)}
    return found | {"median_radius": NotRun(f"censored: at least {greatest:g}"), "median_radius_at_least": Value(greatest, n=n)}


def share_measured(radii: Mapping[str, Floats], greatest: float) -> Value:
    """The share of all images whose radius was found; raises `NotMeasurable` where it was for less than half: what follows rests on bounds."""
    beyond = {"forgotten" if kind == "forget" else kind: int((values >= greatest).sum()) for kind, values in radii.items()}
    images = sum(map(len, radii.values()))
    if 2 * sum(beyond.values()) > images:
        counted = " and ".join(f"{k} of {len(v)} {kind}" for (kind, k), v in zip(beyond.items(), radii.values(), strict=True))
        raise NotMeasurable(f"censored: for {counted} images no change up to {greatest:g} was enough, and they count as that")
    return Value(1 - sum(beyond.values()) / images, n=images)


def nearness(evidence: ProbeEvidence) -> Values:
    """The nearness of the subject, and its excess over that of each retrained model judged by the others."""
    retrained = [radii_of(g) for g in retrained_of(evidence)]
    own = nearness_shares(radii_of(evidence.subject), retrained)
    found: Values = {"nearness": Value(float(own[0].mean()), n=len(own[0]))}
    if evidence.original is not None:
        found["nearness_original"] = Value(float(nearness_shares(radii_of(evidence.original), retrained)[0].mean()), n=len(own[0]))
    if len(retrained) < 2:
        return found | {"nearness_excess": NotRun("needs two retrained models at least, each judged by the others; add seeds to retrain")}
    others = [nearness_shares(g, retrained[:j] + retrained[j + 1 :]) for j, g in enumerate(retrained)]
    values = [float(o[0].mean()) for o in others]
    error = 1.96 * paired_image_error(*((own[k], [o[k] for o in others]) for k in (0, 1))) if min(map(len, own)) > 1 else 0.0
    found["nearness_retrained"] = Value(float(numpy.mean(values)), n=len(values))
    return found | {"nearness_excess": band_around(float(own[0].mean()) - float(numpy.mean(values)), values, error)}


def radii_of(result: ProbeResult) -> tuple[Floats, Floats]:
    """Radii of forgotten [n] and of unseen images [m]."""
    return trace_of(result, "forget.radius").values[0], trace_of(result, "unseen.radius").values[0]


def nearness_shares(own: tuple[Floats, Floats], retrained: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """The forgotten images' shares in the nearness [n], and what the line leaves over on the unseen ones [m] (mean 0)."""
    hard = [numpy.mean([g[k] for g in retrained], axis=0) for k in (0, 1)]
    centered = hard[1] - hard[1].mean()
    spread = float(centered @ centered)
    slope = float(centered @ own[1]) / spread if spread > 0 else 0.0
    line = [own[1].mean() + slope * (h - hard[1].mean()) for h in hard]
    return line[0] - own[0], own[1] - line[1]


def memory_return(given: Given, evidence: ProbeEvidence) -> Values:
    """Where on the line to the original the margin of the forgotten comes halfway from the retrained models' to the original's, in [0, 1].

    0: it never fell so far. `return_at_excess` is against the same line from each retrained model: below its band, the memory is nearer.
    """
    found = attempt(return_place, evidence)
    return {"return_at": found} if isinstance(found, NotRun) else found


def return_place(evidence: ProbeEvidence) -> Values:
    """The subject's place, the retrained models', and the difference."""
    name = "forget.margin"
    own, lines = trace_of(evidence.subject, name), [trace_of(g, name) for g in retrained_of(evidence)]
    low, high = float(numpy.mean([line.means[0] for line in lines])), float(trace_of(original_of(evidence), name).means[-1])
    if not high > low:
        raise NotMeasurable("the original remembers no more than the retrained models: there is nothing to return")
    place, others = (crossing(own, (low + high) / 2), [crossing(line, (low + high) / 2) for line in lines])
    values: Values = {"return_at": Value(place, n=len(own.ids)), "return_at_retrained": Value(float(numpy.mean(others)), n=len(others))}
    return values | {"return_at_excess": excess_of(place, others)}


def crossing(trace: Trace, level: float) -> float:
    """The first dose at which the mean reaches `level`, on straight lines between doses; the last where it never does.

    >>> crossing(Trace(numpy.array([0.0, 1.0]), numpy.array([[0.0], [4.0]]), numpy.arange(1)), 1.0)
    0.25
    """
    m, d = trace.means, trace.doses
    there = numpy.flatnonzero(m >= level)
    if len(there) == 0 or there[0] == 0:
        return float(d[0] if len(there) else d[-1])
    k = there[0]
    return float(d[k - 1] + (d[k] - d[k - 1]) * (level - m[k - 1]) / (m[k] - m[k - 1]))


def flipped_codes(given: Given, evidence: ProbeEvidence) -> Values:
    """The figures of all layers together."""
    together = evidence.subject.facts["together"]
    gone = NotRun("nothing was updated, or nothing rounded away")
    return {n: gone if v is None else Value(float(v), n=together["weights"]) for n, v in together.items() if n != "weights"}


READINGS: dict[str, Reading] = {
    "anamnesis": anamnesis,
    "regressed_radius": regressed_radius,
    "memory_return": memory_return,
    "flipped_codes": flipped_codes,
}
"""What a probe's trait `reading` names."""
