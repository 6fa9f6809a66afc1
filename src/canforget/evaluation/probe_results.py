"""What probes leave of live models, as arrays: a quantity by dose and image; and what it says beside original and retrained models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.errors import DataError, NotMeasurable
from canforget.evaluation.evidence import NotRun, Value, attempt
from canforget.evaluation.membership_scores import Ints
from canforget.evaluation.moderated import paired_image_error
from canforget.evaluation.rebound import band_around
from canforget.evaluation.statistics import Floats, t_interval

Values = dict[str, Value | NotRun]
SHOWN = (0, 1, 5)
"""Places of a long curve that reach a record, beside its last; the whole of it stays with the probe's own result."""
LONG = 6


@dataclass(frozen=True, eq=False)
class Trace:
    """A quantity of one model at each dose [d] (steps taken, size of a noise, place on a line) for each of n images [d, n], with their ids [n]."""

    doses: Floats
    values: Floats
    ids: Ints

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.doses), len(self.ids)):
            raise DataError(f"trace: values {self.values.shape} for {len(self.doses)} doses of {len(self.ids)} images")

    @property
    def means(self) -> Floats:
        """The mean over images at each dose [d]."""
        return numpy.asarray(self.values.mean(axis=1))


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe found in one model: traces by name, and facts as JSON holds them.

    Of the facts, `cost` counts what it took (images, steps), and `not_run` says by name what this split cannot give, and why.
    """

    traces: Mapping[str, Trace] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The traces as one table of arrays, for a file."""
        return {f"{name}/{part}": getattr(trace, part) for name, trace in self.traces.items() for part in ("doses", "values", "ids")}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "ProbeResult":
        """The result whose `arrays` and facts these are."""
        names = [name.removesuffix("/ids") for name in arrays if name.endswith("/ids")]
        return cls({n: Trace(*(arrays[f"{n}/{part}"] for part in ("doses", "values", "ids"))) for n in names}, facts)


@dataclass(frozen=True, eq=False)
class ProbeEvidence:
    """One probe's results on the model under judgement, the original and the retrained models, all in one format."""

    subject: ProbeResult
    original: ProbeResult | None = None
    retrained: tuple[ProbeResult, ...] = ()


Reading = Callable[[Mapping[str, Any], ProbeEvidence], Values]
"""(hyperparameters of the probe, results) -> values beyond those that every probe has."""


def compared_values(evidence: ProbeEvidence) -> Values:
    """Every trace at its doses: the subject's mean over images with its t interval, `_original`, `_retrained`, and `_excess` over the latter.

    An excess has the band of one more retrained model, never narrower than the error of the images; from one retrained model there is none.
    Where a quantity is known of forgotten and of matched unseen images, `gap.` is the difference of the two means.
    """
    found: Values = {name: NotRun(why) for name, why in evidence.subject.facts.get("not_run", {}).items()}
    for name, trace in evidence.subject.traces.items():
        for place in shown_places(trace):
            at = f"{name}{dose_name(trace, place)}"
            found |= beside_others(at, evidence, partial(shares_of, names=(name,), place=place))
            twin = name.replace("forget.", "unseen.")
            if name.startswith("forget.") and twin in evidence.subject.traces:
                gap = at.replace("forget.", "gap.")
                found |= beside_others(gap, evidence, partial(shares_of, names=(name, twin), place=place))
    costs = evidence.subject.facts.get("cost", {})
    return found | {f"cost.{name}": Value(float(count)) for name, count in costs.items()}


def shown_places(trace: Trace) -> list[int]:
    """The places of a curve that reach a record: all of a short one."""
    count = len(trace.doses)
    return list(range(count)) if count <= LONG else [*SHOWN, count - 1]


def dose_name(trace: Trace, place: int) -> str:
    """What a dose adds to the name of a value; nothing where there is but one."""
    return "" if len(trace.doses) == 1 else f"_at_{trace.doses[place]:g}"


Shares = tuple[Floats, ...]
"""Arrays over images whose means add up, the second subtracted, to one value of a model."""


def shares_of(result: ProbeResult, names: tuple[str, ...], place: int) -> Shares:
    """The images' shares in a value; raises `NotMeasurable` where they are not there or not finite."""
    found = []
    for name in names:
        if name not in result.traces:
            raise NotMeasurable(result.facts.get("not_run", {}).get(name, f"{name}: not measured on a model to compare with"))
        found.append(result.traces[name].values[place])
    if not all(numpy.isfinite(part).all() and len(part) for part in found):
        raise NotMeasurable("infinite: the model gives a labelled class probability 0 or 1")
    return tuple(found)


def value_of_shares(shares: Shares) -> float:
    """The first mean, less the second where there are two."""
    return float(shares[0].mean() - (shares[1].mean() if len(shares) > 1 else 0.0))


def beside_others(name: str, evidence: ProbeEvidence, read: Callable[[ProbeResult], Shares]) -> Values:
    """A value of the subject, of the original, of the retrained models, and its excess over these."""
    own = attempt(read, evidence.subject)
    if isinstance(own, NotRun):
        return {name: own, f"{name}_excess": own}
    interval = t_interval(own[0]) if len(own) == 1 else None
    found: Values = {name: Value(value_of_shares(own), interval, len(own[0]))}
    if evidence.original is not None:
        there = attempt(read, evidence.original)
        found[f"{name}_original"] = there if isinstance(there, NotRun) else Value(value_of_shares(there), n=len(there[0]))
    return found | attempt_excess(name, own, evidence, read)


def attempt_excess(name: str, own: Shares, evidence: ProbeEvidence, read: Callable[[ProbeResult], Shares]) -> Values:
    """The retrained models' mean and the subject's excess over it, or why there is none."""
    others = attempt(lambda: [read(result) for result in retrained_of(evidence)])
    if isinstance(others, NotRun):
        return {f"{name}_excess": others}
    if any(len(a) != len(b) for other in others for a, b in zip(other, own, strict=True)):
        return {f"{name}_excess": NotRun("the retrained models were probed on other images than the subject")}
    values = [value_of_shares(other) for other in others]
    pairs = [(part, [other[k] for other in others]) for k, part in enumerate(own)]
    error = 1.96 * paired_image_error(*pairs) if min(map(len, own)) > 1 else 0.0
    mean = float(numpy.mean(values))
    return {f"{name}_retrained": Value(mean, n=len(values)), f"{name}_excess": band_around(value_of_shares(own) - mean, values, error)}


def retrained_of(evidence: ProbeEvidence) -> tuple[ProbeResult, ...]:
    """The results on retrained models; raises `NotMeasurable` where there are none."""
    if not evidence.retrained:
        raise NotMeasurable("needs retrained models other than the one judged; add seeds to retrain")
    return evidence.retrained


def original_of(evidence: ProbeEvidence) -> ProbeResult:
    """The result on the original model; raises `NotMeasurable` where there is none."""
    if evidence.original is None:
        raise NotMeasurable("needs the original model")
    return evidence.original


def trace_of(result: ProbeResult, name: str) -> Trace:
    """A trace by name; raises `NotMeasurable` with the reason where there is none."""
    if name not in result.traces:
        raise NotMeasurable(result.facts.get("not_run", {}).get(name, f"{name}: not measured"))
    return result.traces[name]


def excess_of(own: float, others: list[float]) -> Value:
    """A model's value less the mean of retrained models', with the band of one more of them."""
    return replace(band_around(own - float(numpy.mean(others)), others, 0.0), n=len(others))
