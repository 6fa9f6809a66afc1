"""Dose and response: whether what rounding does grows along the widths of integers, or along the strength of an unlearner."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy

from canforget.evaluation.rebound import Trend, dose_response
from canforget.report.record import Choice, Combination
from canforget.rng import numpy_generator

Responses = Mapping[Combination, Sequence[float]]
"""A figure of every seed, of combinations of one problem."""


def trends(responses: Responses) -> dict[str, Trend]:
    """Every trend over three doses or more, by what it runs along: "bits of int, scrub" or "alpha of ssd at int:bits=4"."""
    rng = numpy_generator("doses")
    doses: dict[str, dict[float, Sequence[float]]] = {}
    for along, combination, dose in widths(responses):
        doses.setdefault(f"{along}, {combination.unlearner.label}", {})[dose] = responses[combination]
    for along, combination, dose in strengths(responses):
        doses.setdefault(f"{along} at {combination.quantizer.label}", {})[dose] = responses[combination]
    whole = {key: by for key, by in doses.items() if len(by) > 2 and len({len(f) for f in by.values()}) == 1}
    return {key: dose_response(list(by), numpy.transpose(list(by.values())), rng=rng) for key, by in whole.items()}


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
