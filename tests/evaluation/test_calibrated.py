"""Calibrated membership and its kin against slow loops, scipy, and simulated truth."""

from typing import Any

import numpy
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from canforget.errors import CanforgetError, NotMeasurable
from canforget.evaluation import calibrated as c
from canforget.evaluation.statistics import auc

RNG = numpy.random.default_rng


def test_what_is_hard_for_every_model_cancels() -> None:
    """Raw scores rank images by difficulty first, and by membership last."""
    rng = RNG(0)
    hard = rng.normal(0, 3, (2, 500))
    own = hard + rng.normal(0, 1, (2, 500)) + [[1.0], [0.0]]
    retrained = hard[:, None] + rng.normal(0, 1, (2, 5, 500))
    raw, star = auc(*own), auc(*(c.calibrated(o, g) for o, g in zip(own, retrained)))
    assert star > 0.7 > 0.63 > raw
    null = [auc(*(c.calibrated(g[j], g) for g in retrained)) for j in range(5)]
    assert numpy.mean(null) == pytest.approx(0.5, abs=0.03)


def test_the_model_judged_is_left_out_of_its_own_references() -> None:
    """It would lie nearer to their mean than any other model."""
    g = RNG(1).normal(0, 1, (4, 9))
    numpy.testing.assert_allclose(c.calibrated(g[2], g), g[2] - (g[0] + g[1] + g[3]) / 3)
    for others in (g[[2]], [[numpy.inf] * 9]):
        with pytest.raises(NotMeasurable, match="calibrated membership"):
            c.calibrated(g[2], others)


def test_an_attacker_with_both_versions_sees_only_what_exceeds_retraining() -> None:
    """An exact method leaks here as well; the excess of a retrained model is none."""
    rng = RNG(2)
    hard = [rng.normal(0, 3, 600), rng.normal(0, 3, 500)]
    o = hard[0] + 2, hard[1]
    g = hard[0] + rng.normal(0, 1, (6, 600)), hard[1] + rng.normal(0, 1, (6, 500))
    u = hard[0] - 3, hard[1] + rng.normal(0, 1, 500)
    exact = c.both_versions(o, (g[0][0], g[1][0]), (g[0][1:], g[1][1:]))
    assert exact.auc > 0.8 and exact.excess.p() > 0.05
    over = c.both_versions(o, u, g)
    assert over.auc == pytest.approx(auc(o[0] - u[0], o[1] - u[1]))
    assert over.retrained == pytest.approx([auc(o[0] - a, o[1] - b) for a, b in zip(*g)])
    assert over.excess.interval()[0] > 0


def test_true_positives_resample_both_sides() -> None:
    """Against a plain bootstrap that draws images."""
    rng = RNG(3)
    x, y = rng.normal(1, 1, 400), rng.normal(0, 1, 1500)
    found = c.true_positive_rate(x, y, 0.01, rng=rng)
    plain = []
    for _ in range(3000):
        a, b = rng.choice(x, 400), numpy.sort(rng.choice(y, 1500))
        plain.append((a > b[-16]).mean())
    assert found.value == (x > numpy.sort(y)[-16]).mean()
    assert found.interval == pytest.approx(numpy.quantile(plain, [0.025, 0.975]), abs=0.01)
    with pytest.raises(NotMeasurable, match="needs 10000 unseen images, not 1500"):
        c.true_positive_rate(x, y, 0.001, rng=rng)


def test_true_positives_lie_in_their_interval_as_often_as_it_says() -> None:
    """An interval over members alone holds the truth in about two of three cases."""
    rng, truth, held = RNG(4), stats.norm.sf(stats.norm.isf(0.05) - 1), []
    for _ in range(800):
        low, high = c.true_positive_rate(rng.normal(1, 1, 600), rng.normal(0, 1, 600), 0.05, rng=rng, draws=1000).interval
        held.append(low <= truth <= high)
    assert 0.93 <= numpy.mean(held) <= 0.97


def test_no_member_found_is_not_none_to_be_found() -> None:
    """A bootstrap of zeros is an interval without width."""
    found = c.true_positive_rate(numpy.zeros(100), numpy.ones(1000), 0.01, rng=RNG(0))
    assert found.value == found.interval[0] == 0
    assert found.interval[1] == pytest.approx(stats.beta.ppf(0.975, 0.5, 100.5), abs=2e-3)


def test_a_temperature_is_the_minimum_of_the_loss_and_undoes_stretching() -> None:
    """An unlearner that only stretches its logits is not one that remembers."""
    rng = RNG(5)
    z, y = rng.normal(0, 2, (300, 5)), rng.integers(5, size=300)
    z[numpy.arange(300), y] += 2

    def loss(t: Any) -> Any:
        return -log_softmax(z / t, axis=1)[numpy.arange(300), y].mean()

    assert c.temperature(z, y) == pytest.approx(minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x, rel=1e-4)
    assert c.temperature(3 * z, y) == pytest.approx(3 * c.temperature(z, y))
    one, other = (c.matched_margins(k * z[:50], y[:50], k * z, y) for k in (1.0, 7.0))
    numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_temperature_without_a_minimum_stays_at_its_end() -> None:
    """Where every image is right the loss falls for ever."""
    assert c.temperature([[1.0, 0.0]], [0]) == pytest.approx(1e-3)
    assert c.temperature([[1.0, 0.0]], [1]) == 1e3
    with pytest.raises(NotMeasurable):
        c.temperature([[numpy.inf, 0.0]], [0])


def test_near_duplicates_are_found_by_id_and_only_they() -> None:
    """What is still in the training set cannot be forgotten."""
    rng = RNG(6)
    retain, forget = rng.normal(0, 1, (800, 32)), rng.normal(0, 1, (60, 32))
    retain[700], retain[701] = 2 * forget[3], forget[9] + 0.05 * rng.normal(0, 1, 32)
    found = c.near_duplicates((forget, 1000 + numpy.arange(60)), (retain, numpy.arange(800)))
    assert list(zip(found.forget, found.other))[:2] == [(1003, 700), (1009, 701)]
    assert found.cosine[0] == pytest.approx(1)
    assert len(found.cosine) <= 2 + 5 * found.expected + 1
    test = c.near_duplicates((forget, 1000 + numpy.arange(60)), (retain, numpy.arange(800)), (forget[[7]], [5000]))
    assert (1007, 5000) in set(zip(test.forget, test.other))
    with pytest.raises(CanforgetError, match="near-duplicates"):
        c.near_duplicates((forget, [1]), (retain, numpy.arange(800)))


def test_harm_is_told_class_by_class() -> None:
    """A mean over classes hides the one that pays for all."""
    rng = RNG(7)
    labels = numpy.repeat([0, 1, 2], 300)
    g = (rng.random((5, 900)) < 0.9).astype(int)
    own = numpy.where(labels == 2, rng.random(900) < 0.6, rng.random(900) < 0.9)
    found = c.harm_per_class(own, g, labels)
    assert found[2].interval()[0] > 0.1
    assert found[0].interval()[0] <= 0 <= found[0].interval()[1]
    assert found[2].estimate == pytest.approx(g[:, 600:].mean() - own[600:].mean())
