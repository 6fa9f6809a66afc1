"""Probes and likeness of features against scikit-learn and obvious loops."""

from typing import Any

import numpy
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Predictions, predictions_of
from canforget.evaluation.feature_probes import features_of, linear_alignment, nearest_prototypes, ridge, shared_neighbors
from tests.narrowed import present


def with_features(x: Any) -> Predictions:
    x = numpy.asarray(x, dtype=numpy.float16)
    return Predictions(numpy.zeros((len(x), 2), numpy.float32), numpy.zeros(len(x), int), numpy.arange(len(x)), x)


@pytest.mark.parametrize("width", [5, 80])
def test_the_ridge_is_that_of_scikit_learn_in_both_its_forms(width: Any) -> None:
    """The form for few images and the form for few features must agree."""
    rng = numpy.random.default_rng(0)
    x, y, z = rng.normal(size=(30, width)), rng.integers(3, size=30), rng.normal(size=(50, width))
    scaled, asked = ((v - x.mean(axis=0)) / x.std(axis=0) for v in (x, z))
    expected = Ridge(alpha=1.0).fit(scaled, numpy.eye(3)[y]).predict(asked).argmax(axis=1)
    numpy.testing.assert_array_equal(ridge(x, y, z), expected)


def test_prototypes_are_class_means_of_directions() -> None:
    """One long feature vector would pull a mean of raw features to itself."""
    known = numpy.array([[100.0, 0], [0.1, 0.1], [0, 1.0], [0, 1.0]])
    assert nearest_prototypes(known, numpy.array([0, 0, 1, 1]), numpy.array([[1.0, 1.0], [0.1, 2.0]])).tolist() == [0, 1]


def test_alignment_knows_rotation_and_scale_from_change() -> None:
    """Distances of features differ between any two trainings."""
    rng = numpy.random.default_rng(1)
    x = rng.normal(size=(200, 6))
    rotation = numpy.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert linear_alignment(with_features(x), with_features(3 * x @ rotation)) == pytest.approx(1, abs=1e-4)
    assert linear_alignment(with_features(x), with_features(rng.normal(size=(200, 6)))) < 0.1
    assert linear_alignment(with_features(x), with_features(numpy.ones((200, 6)))) == 0


def test_alignment_equals_its_definition_by_kernels() -> None:
    """The shortcut by features must equal the normalized Hilbert-Schmidt independence of the kernels."""
    rng = numpy.random.default_rng(2)
    one, two = with_features(rng.normal(size=(20, 3))), with_features(rng.normal(size=(20, 4)))
    center = numpy.eye(20) - 1 / 20
    k, m = (center @ present(p.features).astype(float) @ present(p.features).astype(float).T @ center for p in (one, two))
    assert linear_alignment(one, two) == pytest.approx((k * m).sum() / numpy.sqrt((k * k).sum() * (m * m).sum()))


def test_neighbors_are_those_of_scikit_learn() -> None:
    """An image must not be its own neighbor."""
    rng = numpy.random.default_rng(3)
    one, two = with_features(rng.normal(size=(40, 5))), with_features(rng.normal(size=(40, 5)))
    lists = []
    for p in (one, two):
        x = present(p.features).astype(float)
        lists.append(NearestNeighbors(n_neighbors=5, metric="cosine").fit(x).kneighbors(return_distance=False))
    expected = numpy.mean([len(set(a) & set(b)) / 5 for a, b in zip(*lists)])
    assert shared_neighbors(one, two, 5, 100) == pytest.approx(expected)
    assert shared_neighbors(one, one, 5, 100) == 1


def test_missing_or_broken_features_give_their_reason() -> None:
    """A float16 overflow is infinite, and its probe NaN."""
    with pytest.raises(NotMeasurable, match="no features"):
        features_of({"forget": predictions_of([[0, 1]], [0])}, "forget")
    with pytest.raises(NotMeasurable):
        features_of({"forget": with_features([[numpy.inf, 0]])}, "forget")
