"""The audit sees a recovery that was put there, and none where retrained models or noise do the same."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.audits.recovery import recovery
from canforget.evaluation.evidence import Evidence, Predictions
from tests.narrowed import present


def model(known: float, seed: int, n: int = 400) -> dict[str, Predictions]:
    """A ten-class model that gives the forgotten class 0 log-odds of `known` on average."""
    rng = numpy.random.default_rng(seed)
    views = {}
    for name in ("forget", "test_forget"):
        z = rng.normal(size=(n, 10))
        z[:, 0] += known
        views[name] = Predictions(z.astype(numpy.float32), numpy.zeros(n, int), numpy.arange(n))
    return views


def case(rounded: float, retrained_rounded: float = -6.0, noise: float = -6.0) -> Evidence:
    """An unlearned model at -6, and where rounding, the rounding of retrained models, and noise take it."""
    full = Evidence(model(-6, 1), model(6, 2), tuple(model(-6, s) for s in (3, 4, 5)))
    return Evidence(
        model(rounded, 6),
        model(6, 7),
        tuple(model(retrained_rounded, s) for s in (8, 9, 10)),
        full_precision=full,
        noise=tuple(model(noise, s) for s in range(11, 31)),
    )


def ask(evidence: Any, measure: Any = "margin") -> Any:
    found = recovery(evidence, rng=numpy.random.default_rng(0), measures=(measure,)).values
    return {name.removeprefix(f"{measure}_"): value for name, value in found.items()}


def test_a_recovery_that_was_put_there_is_seen_with_its_size() -> None:
    """Half the way to the original; noise and the rounding of retrained models move nothing."""
    found = ask(case(rounded=0.0))
    assert found["rebound"].value == pytest.approx(6, abs=0.3)
    assert found["beside_noise"].value == pytest.approx(6, abs=0.3)
    assert found["beside_noise"].interval[0] < 6 < found["beside_noise"].interval[1]
    assert found["noise_p"].value == pytest.approx(0.5 / 21)
    assert abs(found["noise_rebound"].value) < 0.3
    assert abs(found["rebound_retrained"].value) < 0.3
    assert found["rebound"].value == pytest.approx(found["beside_noise"].value + found["noise_rebound"].value)
    assert not {"recovered", "recovered_fraction"} & found.keys(), "one model claims nothing"


def test_noise_that_does_the_same_leaves_nothing_beside_it() -> None:
    """Forgetting undone by any disturbance says nothing about what rounding restores."""
    found = ask(case(rounded=0.0, noise=0.0))
    assert found["noise_rebound"].value == pytest.approx(6, abs=0.3)
    assert abs(found["beside_noise"].value) < 0.3
    assert 0.05 < found["noise_p"].value < 0.95


def test_the_excess_is_that_over_retrained_models() -> None:
    found = ask(case(rounded=0.0, retrained_rounded=0.0))
    assert abs(found["excess"].value) < 0.3


def part(views: Any, keep: Any) -> Any:
    return {name: p.where(keep) for name, p in views.items()}


def test_noise_on_fewer_images_is_compared_with_rounding_on_the_same() -> None:
    """Judged on other images, an image that noise was never shown could decide: here, rounding moves none of those that it was."""
    keep = numpy.arange(100)
    evidence = case(rounded=0.0)
    fewer = replace(evidence, noise=tuple(part(views, keep) for views in evidence.noise))
    assert ask(fewer)["beside_noise"].value > 5
    assert ask(fewer)["beside_noise"].n == 100
    still = {n: p.logits.copy() for n, p in evidence.subject.items()}
    for name, logits in still.items():
        logits[keep] = present(evidence.full_precision).subject[name].logits[keep]
    calm = {name: replace(p, logits=still[name]) for name, p in evidence.subject.items()}
    found = ask(replace(fewer, subject=calm))
    assert found["rebound"].value > 4
    assert abs(found["beside_noise"].value) < 0.5
    other = tuple({n: replace(p, ids=p.ids + 1000) for n, p in views.items()} for views in fewer.noise)
    assert "images that the subject was not" in ask(replace(fewer, noise=other))["noise_p"].reason


def test_margins_see_what_accuracy_on_the_floor_does_not() -> None:
    """Forget accuracy is 0 before and after rounding in the whole of the predecessor's table."""
    evidence = case(rounded=-4.0)
    assert abs(ask(evidence, "accuracy")["beside_noise"].value) < 0.01
    assert ask(evidence, "margin")["beside_noise"].value > 1.5


def test_a_measure_that_nothing_moves_has_no_noise_p() -> None:
    """Accuracies of 0 before, after, and in every draw are no evidence for or against noise."""
    found = ask(case(rounded=-30.0, noise=-30.0), "accuracy")
    assert found["beside_noise"].value == 0
    assert "neither rounding nor noise" in found["noise_p"].reason


def test_what_is_missing_is_said() -> None:
    """A rebound needs the models before rounding, as many of them as after."""
    evidence = case(rounded=0.0)
    assert "before rounding" in ask(replace(evidence, full_precision=None))["rebound"].reason
    assert "19 draws" in ask(replace(evidence, noise=()))["beside_noise"].reason
    fewer = replace(evidence, retrained=evidence.retrained[:2])
    assert "2 rounded retrained models and 3 before" in ask(fewer)["rebound"].reason
    other = replace(evidence, retrained=(*fewer.retrained, model(-6, 7, n=300)))
    assert "other images" in ask(other)["rebound"].reason
