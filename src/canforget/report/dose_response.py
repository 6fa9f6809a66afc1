"""Dose and response: whether what rounding does grows along the widths of integers, or along the strength of an unlearner."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from canforget.evaluation.rebound import Trend, dose_response
from canforget.report.record import Choice, Combination
from canforget.rng import numpy_generator

Responses = Mapping[Combination, Sequence[float]]
"""A figure of every seed, of combinations of one problem."""


@dataclass(frozen=True)
class FoundFraction:
    """What came back of the memory, ρ; the smallest that would be found with 80 % power; and whether it is claimed."""

    value: float
    least: float
    claimed: bool

    @property
    def seen(self) -> bool:
        """Whether it is large enough to be found with 80 % power."""
        return self.value >= self.least


@dataclass(frozen=True)
class Dose:
    """A dose, and what was found of it."""

    dose: float
    found: FoundFraction


def doses_seen(found: Mapping[Combination, FoundFraction]) -> dict[str, tuple[Dose, ...]]:
    """The doses in rising order of every row of three or more, named as in `trends`, of which one at least is found with 80 % power."""
    along: dict[str, list[Dose]] = {}
    for name, combination, dose in every_dose(found):
        along.setdefault(name, []).append(Dose(dose, found[combination]))
    return {
        name: tuple(sorted(doses, key=lambda d: d.dose))
        for name, doses in along.items()
        if len(doses) > 2 and any(d.found.seen for d in doses)
    }


def smallest_seen(doses: Sequence[Dose]) -> Dose | None:
    """The smallest dose from which on every larger one is found with 80 % power; `None` where the largest is not.

    >>> seen, unseen = FoundFraction(0.3, 0.1, True), FoundFraction(0.05, 0.1, False)
    >>> smallest_seen([Dose(0.1, unseen), Dose(0.25, seen), Dose(0.5, seen)]).dose
    0.25
    >>> smallest_seen([Dose(0.1, seen), Dose(0.25, unseen)])
    """
    smallest = None
    for dose in reversed(doses):
        if not dose.found.seen:
            break
        smallest = dose
    return smallest


def trends(responses: Responses) -> dict[str, Trend]:
    """Every trend over three doses or more, by what it runs along: "bits of int, scrub" or "alpha of ssd at int:bits=4"."""
    rng = numpy_generator("doses")
    doses: dict[str, dict[float, Sequence[float]]] = {}
    for along, combination, dose in every_dose(responses):
        doses.setdefault(along, {})[dose] = responses[combination]
    whole = {key: by for key, by in doses.items() if len(by) > 2 and len({len(f) for f in by.values()}) == 1}
    return {key: dose_response(list(by), numpy.transpose(list(by.values())), rng=rng) for key, by in whole.items()}


def every_dose(combinations: Iterable[Combination]) -> Iterator[tuple[str, Combination, float]]:
    """What each dose runs along and at what else, the combination, and the dose."""
    every = list(combinations)
    for along, combination, dose in widths(every):
        yield f"{along}, {combination.unlearner.label}", combination, dose
    for along, combination, dose in strengths(every):
        yield f"{along} at {combination.quantizer.label}", combination, dose


def widths(combinations: Iterable[Combination]) -> Iterator[tuple[str, Combination, float]]:
    """Formats that differ in nothing but their bits: what they run along, the combination, and its bits."""
    every = list(combinations)
    for along, by in alternatives(c.quantizer for c in every):
        if along.startswith("bits of "):
            yield from ((along, c, by[c.quantizer]) for c in every if c.quantizer in by)


def strengths(combinations: Iterable[Combination]) -> Iterator[tuple[str, Combination, float]]:
    """Unlearners that differ in nothing but one number: what they run along, the combination, and that number."""
    every = list(combinations)
    for along, by in alternatives(c.unlearner for c in every):
        yield from ((along, c, by[c.unlearner]) for c in every if c.unlearner in by)


def alternatives(choices: Iterable[Choice]) -> Iterator[tuple[str, dict[Choice, float]]]:
    """Choices of one name that differ in one number: that number of each, under its name and whatever else tells them from others.

    >>> ssd = [Choice(f"ssd:alpha={a}", "ssd", {"alpha": a, "lower": 1.0}) for a in (2.0, 5.0)]
    >>> [(along, list(by.values())) for along, by in alternatives(ssd)]
    [('alpha of ssd', [2.0, 5.0])]
    """
    groups: dict[tuple[Any, ...], dict[Choice, float]] = {}
    every = list(dict.fromkeys(choices))
    for choice in every:
        for name, value in choice.parameters.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                others = {k: v for k, v in choice.parameters.items() if k != name}
                groups.setdefault((choice.name, name, repr(sorted(others.items()))), {})[choice] = value
    for (name, parameter, _), by in groups.items():
        if len(by) > 1:
            told = telling([c for c in every if c.name == name and parameter in c.parameters], next(iter(by)), parameter)
            yield f"{parameter} of {name}{told}", by


def telling(every: Sequence[Choice], one: Choice, parameter: str) -> str:
    """The hyperparameters, but for `parameter`, in which `one` differs from others of its name: as in ":fit.epochs=2", or nothing."""
    varied = [k for k in one.parameters if k != parameter and len({repr(c.parameters.get(k)) for c in every}) > 1]
    return ":" + ",".join(f"{k}={one.parameters[k]}" for k in varied) if varied else ""
