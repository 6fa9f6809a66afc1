"""What a model's features still hold: few-shot probes, and how alike two models see the same images."""

from collections.abc import Callable, Iterable

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, NotRun, Predictions, Value, Views, attempt, references_of, view_of
from canforget.evaluation.membership_scores import Ints, evenly
from canforget.evaluation.rebound import band_around
from canforget.evaluation.statistics import Floats, wilson

Probe = Callable[[Floats, Ints, Floats], Ints]
"""(features and labels of a few images, features of others) -> the classes given to the others."""


def features_of(views: Views, name: str) -> Predictions:
    """The predictions on the set `name`, with finite features; raises `NotMeasurable` where they have none."""
    predictions = view_of(views, name)
    if predictions.features is None:
        raise NotMeasurable(f"no features were kept on '{name}'")
    if not numpy.isfinite(predictions.features).all():
        raise NotMeasurable(f"'{name}': features that are not numbers")
    return predictions


def wide(predictions: Predictions) -> Floats:
    """Features in float64 [n, width]."""
    assert predictions.features is not None
    return predictions.features.astype(numpy.float64)


def nearest_prototypes(known: Floats, labels: Ints, asked: Floats) -> Ints:
    """The class whose mean direction is nearest (cosine), from images known by class.

    >>> nearest_prototypes(numpy.eye(2), numpy.array([3, 7]), numpy.array([[1.0, 5.0]])).tolist()
    [7]
    """
    classes = numpy.unique(labels)
    directions = unit(known)
    means = numpy.stack([directions[labels == c].mean(axis=0) for c in classes])
    return numpy.asarray(classes[(unit(asked) @ unit(means).T).argmax(axis=1)])


def unit(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    length = numpy.linalg.norm(rows, axis=1, keepdims=True)
    return numpy.asarray(numpy.divide(rows, length, out=numpy.zeros_like(rows), where=length > 0))


def ridge(known: Floats, labels: Ints, asked: Floats, penalty: float = 1.0) -> Ints:
    """The class of greatest ridge regression on one-hot labels, over features standardized by the images known by class."""
    classes, center = numpy.unique(labels), known.mean(axis=0)
    scale = numpy.where(known.std(axis=0) > 0, known.std(axis=0), 1.0)
    x, z = (known - center) / scale, (asked - center) / scale
    hot = (labels[:, None] == classes).astype(numpy.float64)
    target = hot - hot.mean(axis=0)
    if len(x) <= x.shape[1]:
        weights = x.T @ numpy.linalg.solve(x @ x.T + penalty * numpy.eye(len(x)), target)
    else:
        weights = numpy.linalg.solve(x.T @ x + penalty * numpy.eye(x.shape[1]), x.T @ target)
    return numpy.asarray(classes[(z @ weights + hot.mean(axis=0)).argmax(axis=1)])


def probed(evidence: Evidence, probe: Probe, shots: Iterable[int], draws: int, rng: numpy.random.Generator) -> Audit:
    """How well `probe`, shown `shots` trained images of each class, names the unseen images matched to the forget set.

    The same drawn images for all models; the mean over `draws`. `excess` is over the retrained models, with the band of one more.
    """
    values: dict[str, Value | NotRun] = {}
    for k in shots:
        streams = rng.spawn(draws)
        subject = attempt(shown_few, evidence.subject, probe, k, streams)
        if isinstance(subject, NotRun):
            values |= {f"accuracy_{k}_shots": subject, f"excess_{k}_shots": subject}
            continue
        values[f"accuracy_{k}_shots"] = probe_accuracy(subject, evidence)
        values[f"excess_{k}_shots"] = attempt(probe_excess, subject, evidence, probe, k, streams)
    return Audit(values)


Streams = list[numpy.random.Generator]


def probe_accuracy(accuracy: float, evidence: Evidence) -> Value:
    """The accuracy, with Wilson's interval over the images asked about."""
    n = len(evidence.subject["test_forget"])
    low, high = wilson(round(accuracy * n), n)
    return Value(accuracy, (min(low, accuracy), max(high, accuracy)), n)


def probe_excess(subject: float, evidence: Evidence, probe: Probe, shots: int, streams: Streams) -> Value:
    """Accuracy beyond the mean of the retrained models', with the band of one more, never narrower than the error of the images."""
    others = [shown_few(views, probe, shots, streams) for views in references_of(evidence)]
    mean, n = float(numpy.mean(others)), len(evidence.subject["test_forget"])
    images = 1.96 * float(numpy.sqrt((subject * (1 - subject) + mean * (1 - mean)) / n))
    return band_around(subject - mean, others, images)


def shown_few(views: Views, probe: Probe, shots: int, streams: Streams) -> float:
    """Mean accuracy on `test_forget` over draws of `shots` images a class from the forget and the retain set."""
    forget, retain, asked = (features_of(views, name) for name in ("forget", "retain", "test_forget"))
    x, y = numpy.concatenate([wide(forget), wide(retain)]), numpy.concatenate([forget.labels, retain.labels])
    if min(numpy.bincount(y)[numpy.unique(y)]) < shots:
        raise NotMeasurable(f"needs {shots} trained images of every class")
    order = numpy.concatenate([numpy.argsort(forget.ids), len(forget) + numpy.argsort(retain.ids)])
    x, y = x[order], y[order]
    return float(numpy.mean([probe_once(probe, x, y, asked, shots, stream) for stream in streams]))


def probe_once(probe: Probe, x: Floats, y: Ints, asked: Predictions, shots: int, stream: numpy.random.Generator) -> float:
    """Accuracy after one draw, which leaves the stream as it was, so that every model is shown the same images."""
    state = stream.bit_generator.state
    rows = numpy.concatenate([stream.choice(numpy.flatnonzero(y == c), size=shots, replace=False) for c in numpy.unique(y)])
    stream.bit_generator.state = state
    return float((probe(x[rows], y[rows], wide(asked)) == asked.labels).mean())


def linear_alignment(one: Predictions, other: Predictions) -> float:
    """Linear centered kernel alignment of two feature sets on the same images, in [0, 1]: 1 up to rotation and scale.

    Source: Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, equation 4.
    """
    x, y = (wide(p) - wide(p).mean(axis=0) for p in (one, other))
    scale = float(numpy.linalg.norm(x.T @ x) * numpy.linalg.norm(y.T @ y))
    return float(numpy.linalg.norm(y.T @ x) ** 2 / scale) if scale > 0 else 0.0


def shared_neighbors(one: Predictions, other: Predictions, neighbors: int, limit: int) -> float:
    """Mean share of an image's `neighbors` nearest images (cosine) that both models have in common, among at most `limit` images."""
    near = [nearest_neighbors(unit(wide(evenly(p, limit))), neighbors) for p in (one, other)]
    return float(numpy.mean([len(numpy.intersect1d(a, b)) / neighbors for a, b in zip(*near)]))


def nearest_neighbors(rows: Floats, neighbors: int) -> Ints:
    """Places of the nearest other rows [n, neighbors]; equals in order of place."""
    likeness = rows @ rows.T
    numpy.fill_diagonal(likeness, -numpy.inf)
    return numpy.argsort(-likeness, axis=1, kind="stable")[:, :neighbors].astype(numpy.int64)
