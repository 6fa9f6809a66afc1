"""Dose and response: whether what rounding does grows along the widths of integers, or along the strength of an unlearner."""

import re
from collections.abc import Mapping, Sequence

import numpy

from canforget.evaluation.rebound import Trend, dose_response
from canforget.rng import numpy_generator

Responses = Mapping[tuple[str, str], Sequence[float]]
"""A figure of every seed, by unlearner and quantizer."""


def trends(responses: Responses) -> dict[str, Trend]:
    """Every trend over three doses or more, by what it runs along: "bits, scrub" or "alpha, ssd at int:bits=4"."""
    rng = numpy_generator("doses")
    doses: dict[str, dict[float, Sequence[float]]] = {}
    for (unlearner, quantizer), figures in responses.items():
        if bits := width(quantizer):
            doses.setdefault(f"bits, {unlearner}", {})[bits] = figures
    for named, along in strengths([unlearner for unlearner, _ in responses]).items():
        for (unlearner, quantizer), figures in responses.items():
            if unlearner in along:
                doses.setdefault(f"{named} at {quantizer}", {})[along[unlearner]] = figures
    whole = {key: by for key, by in doses.items() if len(by) > 2 and len({len(f) for f in by.values()}) == 1}
    return {key: dose_response(list(by), numpy.transpose(list(by.values())), rng=rng) for key, by in whole.items()}


def width(quantizer: str) -> int:
    """Bits of the weights of a plain integer format, else 0.

    >>> width("int:bits=4"), width("int:bits=4,ranges=mse"), width("float8")
    (4, 0, 0)
    """
    found = re.fullmatch(r"int:bits=(\d)", quantizer)
    return int(found[1]) if found else 0


def strengths(unlearners: Sequence[str]) -> dict[str, dict[str, float]]:
    """Unlearners that differ in nothing but one number: by its name and theirs, what it is of each.

    A hyperparameter left at its default is not in a label, so all must say it.

    >>> strengths(["ssd:alpha=2.0", "ssd:alpha=5.0", "scrub"])
    {'alpha, ssd': {'ssd:alpha=2.0': 2.0, 'ssd:alpha=5.0': 5.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for label in dict.fromkeys(unlearners):
        name, _, given = label.partition(":")
        pairs = given.split(",")
        for place, pair in enumerate(pairs):
            key, _, value = pair.partition("=")
            number = numeric(value)
            if number is not None:
                others = ",".join(pairs[:place] + pairs[place + 1 :])
                found.setdefault(f"{key}, {name}" + (f":{others}" if others else ""), {})[label] = number
    return {key: by for key, by in found.items() if len(by) > 1}


def numeric(value: str) -> float | None:
    """The number that a value is, if it is one.

    >>> numeric("0.1"), numeric("random_labels")
    (0.1, None)
    """
    try:
        return float(value)
    except ValueError:
        return None
