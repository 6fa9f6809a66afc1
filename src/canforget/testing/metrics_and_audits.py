"""The contracts of metrics and audits: run them over one of your own before you trust its numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy

from canforget.errors import ContractError
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Predictions, Value, Views, attempt
from canforget.rng import numpy_generator

CLASSES = 4
SIZES = {"forget": 60, "retain": 240, "val": 40, "test": 160, "held_out": 20}


def check_metric(metric: Callable[..., Any]) -> None:
    """Raises `ContractError` unless `metric` (a function, or a `functools.partial` of one) keeps the contract of the family.

    On every evidence, however little there is, it must return a `Value` or raise `NotMeasurable`; a finite number inside its interval; the
    same number for the same evidence and for the images in another order; and must leave the evidence as it found it.
    """
    for problem, evidence in evidences():
        value = attempt(metric, read_only(evidence))
        checked_value(value, problem)
        if value != attempt(metric, read_only(evidence)):
            raise ContractError(f"{problem}: another number when asked again; take what is random from a fixed stream or make it an audit")
        if not near(value, attempt(metric, read_only(shuffled(evidence)))):
            raise ContractError(f"{problem}: another number when the images come in another order")


def check_audit(audit: Callable[..., Any]) -> None:
    """Raises `ContractError` unless `audit` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take `rng` and, on every evidence, return an `Audit` with at least one value or raise `NotMeasurable`; only finite numbers
    inside their intervals, or `NotRun`; one score for every id; the same values for the same generator; and must leave the evidence as it found it.
    """
    for problem, evidence in evidences():
        found, again = (attempt(audit, read_only(evidence), rng=numpy_generator("check_audit")) for _ in range(2))
        if isinstance(found, NotRun) or isinstance(again, NotRun):
            checked_value(found, problem)
            continue
        if not isinstance(found, Audit) or not found.values:
            raise ContractError(f"{problem}: an audit returns an Audit with at least one value, not {type(found).__name__}")
        for name, value in found.values.items():
            checked_value(value, f"{problem}: {name}")
            if value != again.values.get(name):
                raise ContractError(f"{problem}: {name}: another number for the same generator; draw from `rng` alone")
        for name, scores in found.scores.items():
            if len(scores) != len(found.ids.get(name, ())) or numpy.isnan(scores).any():
                raise ContractError(f"{problem}: scores of '{name}' must be numbers, one for every id")


def checked_value(value: object, problem: str) -> None:
    """Raises unless `value` is a finite number inside its interval, or says why there is none."""
    if isinstance(value, NotRun):
        if not value.reason:
            raise ContractError(f"{problem}: NotMeasurable must give its reason")
        return
    if not isinstance(value, Value) or not isinstance(value.value, float | int):
        raise ContractError(f"{problem}: returned {value!r}; return a Value or raise NotMeasurable(reason)")
    if not numpy.isfinite(value.value):
        raise ContractError(f"{problem}: {value.value} is no result; raise NotMeasurable(reason)")
    low, high = value.interval or (value.value, value.value)
    if not (numpy.isfinite([low, high]).all() and low - 1e-9 <= value.value <= high + 1e-9):
        raise ContractError(
            f"{problem}: the interval ({low}, {high}) must be finite and hold the value {value.value}; None where there is none"
        )


def near(one: object, other: object) -> bool:
    """Whether two outcomes are the same number but for the order of summation."""
    if isinstance(one, Value) and isinstance(other, Value):
        return bool(numpy.isclose(one.value, other.value, rtol=1e-6, atol=1e-9))
    return isinstance(one, NotRun) and isinstance(other, NotRun)


def evidences() -> Iterator[tuple[str, Evidence]]:
    """Problems from complete to hopeless, each with its name."""
    whole = example_evidence()
    yield "everything there", whole
    yield "random samples forgotten", example_evidence(forgotten_classes=())
    yield "coins tossed", example_evidence(forgotten_classes=(), coins=True)
    yield "nothing to compare with", Evidence(whole.subject, forgotten_classes=whole.forgotten_classes)
    yield "one retrained model", replace(whole, retrained=whole.retrained[:1])
    yield "the subject is the only retrained model", replace(whole, retrained=(whole.subject,))
    yield "no features, nothing held out", without_references(whole)
    yield "no sets at all", Evidence({})
    yield "empty sets", Evidence({name: p.where(numpy.zeros(len(p), dtype=bool)) for name, p in whole.subject.items()})
    yield "one image a set", Evidence({name: p.where(numpy.arange(len(p)) < 1) for name, p in whole.subject.items()})
    yield "saturated logits", mapped_evidence(whole, lambda z: numpy.where(z == z.max(axis=1, keepdims=True), 1e4, -1e4))
    yield "constant logits", mapped_evidence(whole, numpy.zeros_like)
    yield "a class ruled out by the head", mapped_evidence(whole, lambda z: numpy.where(numpy.arange(CLASSES) == 0, -numpy.inf, z))
    yield "logits that are not numbers", mapped_evidence(whole, lambda z: numpy.where(z > 2, numpy.nan, z))


def example_evidence(
    seed: int = 0, forgotten_classes: tuple[int, ...] = (0,), retrained: int = 3, features: int = 6, coins: bool = False
) -> Evidence:
    """A made-up case with everything an audit may ask for: four classes, an original model that remembers, retrained ones that do not.

    The subject is halfway between them. When no class is forgotten, the forget set is of all classes.
    """
    ground = numpy_generator(f"example/{seed}")
    labels = {name: ground.integers(CLASSES, size=n) for name, n in SIZES.items()}
    for name in ("forget", "held_out") if forgotten_classes else ():
        labels[name] = ground.choice(forgotten_classes, size=SIZES[name])
    if forgotten_classes:
        labels["retain"] = ground.choice(numpy.setdiff1d(range(CLASSES), forgotten_classes), size=SIZES["retain"])

    def model(name: str, known: float) -> Views:
        return example_views(labels, forgotten_classes, known, numpy_generator(f"example/{seed}/{name}"), features)

    full = Evidence(
        model("subject", 0.5), model("original", 1.0), tuple(model(f"retrained {j}", 0.0) for j in range(retrained)), (), forgotten_classes
    )
    noise = tuple(model(f"noise {k}", 0.5) for k in range(20))
    rounded = (model("rounded", 0.6), model("rounded original", 1.0), tuple(model(f"rounded retrained {j}", 0.0) for j in range(retrained)))
    return Evidence(*rounded, forgotten_classes=forgotten_classes, full_precision=replace(full, coins=coins), noise=noise, coins=coins)


def example_views(
    labels: Mapping[str, Any], forgotten_classes: tuple[int, ...], known: float, rng: numpy.random.Generator, features: int
) -> dict[str, Predictions]:
    """Predictions of a model that still knows a forgotten class (or, without one, the forget set) to the degree `known` in [0, 1]."""
    views = {}
    for name, y in labels.items():
        strength = (
            numpy.where(numpy.isin(y, forgotten_classes), 3 * known, 3.0) if forgotten_classes else 2.0 + (known if name == "forget" else 0)
        )
        z = rng.normal(size=(len(y), CLASSES))
        z[numpy.arange(len(y)), y] += strength + (1.0 if name == "retain" else 0.0)
        hidden = rng.normal(size=(len(y), features)) if features else None
        if hidden is not None:
            hidden[numpy.arange(len(y)), y % features] += strength
        views[name] = Predictions(
            z.astype(numpy.float32), y.astype(numpy.int64), numpy.arange(len(y)), None if hidden is None else hidden.astype(numpy.float16)
        )
    among = numpy.isin(views["test"].labels, forgotten_classes) if forgotten_classes else numpy.ones(SIZES["test"], dtype=bool)
    views["test_forget"] = views["test"].where(among)
    views["test_retain"] = views["test"].where(~among) if forgotten_classes else views["test"]
    return views


def each(evidence: Evidence, change: Callable[[Views], Views]) -> Evidence:
    """The same evidence with `change` made to the predictions of every model."""
    return replace(
        evidence,
        subject=change(evidence.subject),
        original=None if evidence.original is None else change(evidence.original),
        retrained=tuple(change(v) for v in evidence.retrained),
        shadow=tuple(change(v) for v in evidence.shadow),
        noise=tuple(change(v) for v in evidence.noise),
        full_precision=None if evidence.full_precision is None else each(evidence.full_precision, change),
    )


def mapped_evidence(evidence: Evidence, change: Callable[[Any], Any]) -> Evidence:
    """The same evidence with other logits."""
    return each(evidence, lambda views: {name: replace(p, logits=change(p.logits).astype(numpy.float32)) for name, p in views.items()})


def without_references(evidence: Evidence) -> Evidence:
    """The same evidence without features and without held-out images."""
    return each(evidence, lambda views: {name: replace(p, features=None) for name, p in views.items() if name != "held_out"})


def shuffled(evidence: Evidence) -> Evidence:
    """The same evidence with the images of every set in another order, the same for all models."""
    return each(evidence, lambda views: {name: p.where(numpy_generator(name).permutation(len(p))) for name, p in views.items()})


def read_only(evidence: Evidence) -> Evidence:
    """The same evidence in arrays of its own that raise an error when written to."""

    def locked(predictions: Predictions) -> Predictions:
        own = predictions.where(numpy.ones(len(predictions), dtype=bool))
        for array in (own.logits, own.labels, own.ids, *(() if own.features is None else (own.features,))):
            array.setflags(write=False)
        return own

    return each(evidence, lambda views: {name: locked(p) for name, p in views.items()})
