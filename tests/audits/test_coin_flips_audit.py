"""One model, its coins and nothing else: what memory looks like, and what its absence does."""

from dataclasses import replace

import numpy
import pytest

from canforget.audits.coin_flips import coin_flips
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Audit, Evidence, Value, predictions_of
from canforget.rng import numpy_generator


def tossed(gain: float, seed: int = 0, n: int = 400) -> Evidence:
    """A model whose logit of the label is `gain` higher on images that were tossed in."""
    rng = numpy_generator(f"tossed/{seed}")
    inside = rng.random(n) < 0.5
    y = rng.integers(4, size=n)
    z = rng.normal(size=(n, 4))
    z[numpy.arange(n), y] += 1 + gain * inside
    parts = {"forget": inside, "held_out": ~inside}
    views = {name: predictions_of(z[m], y[m], numpy.flatnonzero(m)) for name, m in parts.items()}
    return Evidence(views, coins=True)


def figures(evidence: Evidence) -> dict[str, float]:
    found: Audit = coin_flips(evidence, rng=numpy_generator("test"), draws=499)
    return {name: v.value for name, v in found.values.items() if isinstance(v, Value)}


def test_a_model_that_remembers_is_told_from_its_coins_alone() -> None:
    """No retrained model, no original: one model is enough."""
    found = figures(tossed(gain=3))
    assert found["auc"] > 0.9
    assert found["p"] <= 0.01
    assert found["p_above"] < found["p_below"]
    assert found["epsilon_lower_bound"] > 1


def test_a_model_that_never_saw_the_coins_has_a_uniform_p_and_no_epsilon() -> None:
    """Retraining: whatever the images are, P[p ≤ α] ≤ α."""
    found = [figures(tossed(gain=0, seed=s)) for s in range(40)]
    p = numpy.array([f["p_above"] for f in found])
    assert 0.35 < p.mean() < 0.65
    assert sum(f["epsilon_lower_bound"] > 0 for f in found) <= 6
    assert (p <= 0.05).sum() <= 6


def test_images_made_less_known_than_unseen_ones_are_told_too() -> None:
    """Over-forgetting gives the coins away as well, on the other side."""
    found = figures(tossed(gain=-3))
    assert found["p_below"] <= 0.01
    assert found["p"] <= 0.02
    assert found["epsilon_lower_bound"] == 0  # one-sided: it guesses that what is known best was in


def test_without_coins_the_reason_is_given() -> None:
    """Held-out images of other scenarios are not exchangeable with the forget set."""
    with pytest.raises(NotMeasurable, match="tosses a coin for each image"):
        coin_flips(replace(tossed(3), coins=False), rng=numpy_generator("test"))


def test_the_order_of_the_images_changes_nothing() -> None:
    """Images tossed in come first by construction: a tie broken by place would know the coins."""
    evidence = tossed(gain=0)
    shuffled = {name: p.where(numpy_generator(name).permutation(len(p))) for name, p in evidence.subject.items()}
    assert figures(evidence) == figures(replace(evidence, subject=shuffled))
    tied = {name: replace(p, logits=numpy.zeros_like(p.logits)) for name, p in evidence.subject.items()}
    found = figures(replace(evidence, subject=tied))
    assert (found["auc"], found["p"], found["epsilon_lower_bound"]) == (0.5, 1.0, 0.0)


def test_every_figure_says_how_many_images_or_guesses_it_rests_on() -> None:
    values = coin_flips(tossed(3), rng=numpy_generator("test"), draws=99).values
    counts = {name: v.n for name, v in values.items() if isinstance(v, Value)}
    assert counts["p"] == counts["auc"] == 400
    assert 0 < (counts["epsilon_lower_bound"] or 0) <= 400
