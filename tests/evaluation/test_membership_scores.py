"""Scores that rank saturated, tied and mislabelled images rightly; matching that keeps classes apart."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import NotMeasurable, SpecError
from canforget.evaluation.evidence import NotRun, attempt, predictions_of
from canforget.evaluation.matched_sets import matching_places
from canforget.evaluation.membership_scores import (
    SIGNALS,
    best_threshold,
    cross_fitted_accuracy,
    evenly,
    label_blind,
    log_odds,
    negative_entropy,
    negative_modified_entropy,
    scores,
    true_positives_at,
)

logit_rows = st.lists(st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3), min_size=1, max_size=6)


def softmax(row: Any) -> Any:
    p = numpy.exp(numpy.float64(row) - max(row))
    return p / p.sum()


@given(logit_rows, st.integers(0, 2))
def test_phi_is_the_log_odds_of_the_label(rows: Any, label: Any) -> None:
    """ln p_y alone is not: it flattens where p_y nears 1."""
    expected = [numpy.log(p[label] / (p.sum() - p[label])) for p in map(softmax, rows)]
    numpy.testing.assert_allclose(log_odds(predictions_of(rows, [label] * len(rows))), expected, rtol=1e-6, atol=1e-6)


def test_phi_ranks_images_whose_float32_probability_is_1() -> None:
    """On training images p_y is 1.0 in float32, and every score taken from it ties."""
    p = predictions_of([[40, 0, 0], [60, 0, 0], [200, 0, 0]], [0, 0, 0])
    saturated = numpy.exp(p.logits - p.logits.max(axis=1, keepdims=True))
    assert (saturated[:, 0] / saturated.sum(axis=1) == 1).all()
    assert (numpy.diff(log_odds(p)) > 19).all()


def slow_modified_entropy(p: Any, label: Any) -> Any:
    total = -(1 - p[label]) * numpy.log(p[label])
    for c in range(len(p)):
        if c != label:
            total -= p[c] * numpy.log(1 - p[c])
    return total


def copied_modified_entropy(p: Any, labels: Any) -> Any:
    """The version in circulation: ln p where ln(1 - p) belongs, and every image's label written into every row."""
    weights, logarithms = p.copy(), numpy.log(p)
    weights[:, labels] = (1 - p)[:, labels]
    logarithms[:, labels] = numpy.log(p)[:, labels]
    return -(weights * logarithms).sum(axis=1)


@given(logit_rows, st.integers(0, 2))
def test_modified_entropy_is_that_of_the_paper(rows: Any, label: Any) -> None:
    """The copied formula is another function."""
    expected = [-slow_modified_entropy(softmax(r), label) for r in rows]
    numpy.testing.assert_allclose(negative_modified_entropy(predictions_of(rows, [label] * len(rows))), expected, rtol=1e-5, atol=1e-9)


def test_the_copied_modified_entropy_would_be_noticed() -> None:
    """It ranks a confident mistake as no worse than a confident answer; the paper's does."""
    rows, labels = [[6.0, 0.0, 0.0], [6.0, 0.0, 0.0]], [0, 1]
    right, wrong = negative_modified_entropy(predictions_of(rows, labels))
    assert right > wrong + 5
    copied = copied_modified_entropy(numpy.array([softmax(r) for r in rows]), labels)
    assert copied[0] == pytest.approx(copied[1])
    assert not numpy.allclose(copied, [-right, -wrong], rtol=0.1)


def test_modified_entropy_sees_a_confident_mistake_where_float32_would_give_infinity() -> None:
    """ln(1 - p_c) with p_c rounded to 1."""
    mistake, worse = negative_modified_entropy(predictions_of([[50, 0, 0], [80, 0, 0]], [1, 1]))
    assert numpy.isfinite([mistake, worse]).all()
    assert worse < mistake < -90


@given(logit_rows)
def test_entropy_is_at_most_that_of_uniform(rows: Any) -> None:
    """A sign slip makes uncertain images members."""
    found = negative_entropy(predictions_of(rows, [0] * len(rows)))
    expected = [(p * numpy.log(p)).sum() for p in map(softmax, rows)]
    numpy.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found >= -numpy.log(3) - 1e-9).all()


def test_the_label_blind_score_does_not_see_forgotten_classes_nor_labels() -> None:
    """After a class is forgotten, its own logit tells the class, not membership."""
    retained = numpy.array([1, 2])
    base = label_blind(predictions_of([[0, 3, 1]], [0]), retained)
    assert label_blind(predictions_of([[99, 3, 1]], [2]), retained) == base == pytest.approx(2.0)


@pytest.mark.parametrize("signal", [*SIGNALS, "label_blind"])
def test_a_class_ruled_out_by_the_head_gets_scores_with_a_rank(signal: Any) -> None:
    """-inf minus -inf is NaN, and NaN has no rank."""
    p = predictions_of([[-numpy.inf, 1, 0], [-numpy.inf, 5, 0]], [0, 1])
    assert not numpy.isnan(scores(p, signal, numpy.array([1, 2]))).any()


def test_an_unknown_signal_is_named_with_the_nearest() -> None:
    """A typing mistake must not fall back to another signal."""
    with pytest.raises(SpecError, match="did you mean 'entropy'"):
        scores(predictions_of([[0, 1]], [0]), "entropi", numpy.array([0, 1]))


def test_unseen_images_of_another_class_are_refused() -> None:
    """The predecessor compared one class with all classes, and found the class."""
    rng = numpy.random.default_rng(0)
    with pytest.raises(NotMeasurable, match="classes 0, not 0, 1, 2"):
        matching_places(numpy.zeros(5, int), numpy.arange(10), rng)


@given(st.lists(st.integers(1, 40), min_size=3, max_size=3), st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_matched_images_have_the_forget_sets_histogram(members: Any, others: Any) -> None:
    """A forget set mostly of cats against as many of each class is again a class detector."""
    y, z = (numpy.repeat(numpy.arange(3), n) for n in (members, others))
    places = attempt(matching_places, y, z, numpy.random.default_rng(0))
    if isinstance(places, NotRun):
        assert min(numpy.array(members) * min(numpy.array(others) / members)) < 1
        return
    there = numpy.bincount(z[places], minlength=3)
    share = numpy.array(members) / sum(members)
    if len(places) == len(z):
        assert abs(share - there / there.sum()).sum() / 2 <= 0.05 or (there >= 1).all()
    else:
        assert (abs(there - there.sum() * share) < 3).all()
    assert len(set(places.tolist())) == len(places)


def test_thresholds_chosen_on_the_same_images_would_flatter() -> None:
    """The best of all thresholds on noise finds more than half; cross-fitted it does not."""
    rng = numpy.random.default_rng(1)
    noise = [(rng.normal(size=40), rng.normal(size=40)) for _ in range(60)]
    crossed = numpy.mean([cross_fitted_accuracy(a, b, rng) for a, b in noise])
    assert crossed == pytest.approx(0.5, abs=0.03)
    separate = cross_fitted_accuracy(numpy.arange(100.0, 120.0), numpy.arange(20.0), rng)
    turned = cross_fitted_accuracy(numpy.arange(20.0), numpy.arange(100.0, 120.0), rng)
    assert (separate, turned) == (1.0, 1.0)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=20))
def test_the_best_threshold_is_the_best_of_all(pairs: Any) -> None:
    """A threshold between equal scores cannot be had."""
    values, member = numpy.array([float(v) for v, _ in pairs]), numpy.array([m for _, m in pairs])
    if member.all() or not member.any():
        return

    def accuracy(threshold: Any, above: Any) -> Any:
        called = (values > threshold) == above
        return (called[member].mean() + 1 - called[~member].mean()) / 2

    best = max(accuracy(t, above) for t in values for above in (True, False))
    assert accuracy(*best_threshold(values, member)) == pytest.approx(best)


def test_caught_members_keep_the_false_alarm_rate() -> None:
    """A threshold by interpolated quantiles exceeds it."""
    rng = numpy.random.default_rng(2)
    members, others = rng.normal(1, 1, 500), rng.normal(0, 1, 1000)
    threshold = min(members[members > numpy.sort(others)[-11]])
    assert true_positives_at(members, others, 0.01) == (members >= threshold).sum()
    assert (others >= threshold).mean() <= 0.01
    assert true_positives_at(numpy.ones(5), numpy.ones(1000), 0.01) == 0


def test_images_are_thinned_evenly_whatever_their_order() -> None:
    """The first thousand images of a sorted set are of one class."""
    p = predictions_of(numpy.zeros((100, 2)), [0] * 100)
    chosen = evenly(p, 5).ids
    assert chosen.tolist() == [0, 25, 50, 74, 99]
    assert evenly(p.where(numpy.random.default_rng(0).permutation(100)), 5).ids.tolist() == chosen.tolist()
