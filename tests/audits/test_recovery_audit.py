"""The audit sees a recovery that was put there, and none where retrained models or noise do the same."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.audits.recovery import recovery
from canforget.evaluation.evidence import Evidence, NotRun, Predictions
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


def test_a_recovery_that_was_put_there_is_claimed_with_its_size() -> None:
    """Half the way from the retrained models to the original."""
    found = ask(case(rounded=0.0))
    assert found["recovered"].value == 1.0
    assert found["recovered_fraction"].value == pytest.approx(0.5, abs=0.05)
    assert found["recovered_fraction"].interval[0] <= 0.5 <= found["recovered_fraction"].interval[1]
    assert found["rebound"].value == pytest.approx(6, abs=0.3)
    assert abs(found["rebound_retrained"].value) < 0.3


@pytest.mark.parametrize("control", [{"retrained_rounded": 0.0}, {"noise": 0.0}])
def test_no_recovery_is_claimed_when_a_control_does_the_same(control: Any) -> None:
    """Forgetting undone by any disturbance says nothing about what rounding restores."""
    found = ask(case(rounded=0.0, **control))
    assert found["rebound"].value > 5
    assert found["recovered"].value == 0.0


def part(views: Any, keep: Any) -> Any:
    return {name: p.where(keep) for name, p in views.items()}


def test_noise_on_fewer_images_is_compared_with_rounding_on_the_same() -> None:
    """Judged on other images, an image that noise was never shown could decide: here, rounding moves none of those that it was."""
    keep = numpy.arange(100)
    evidence = case(rounded=0.0)
    fewer = replace(evidence, noise=tuple(part(views, keep) for views in evidence.noise))
    assert ask(fewer)["recovered"].value == 1.0
    still = {n: p.logits.copy() for n, p in evidence.subject.items()}
    for name, logits in still.items():
        logits[keep] = present(evidence.full_precision).subject[name].logits[keep]
    calm = {name: replace(p, logits=still[name]) for name, p in evidence.subject.items()}
    found = ask(replace(fewer, subject=calm))
    assert found["rebound"].value > 4
    assert found["recovered"].value == 0.0
    other = tuple({n: replace(p, ids=p.ids + 1000) for n, p in views.items()} for views in fewer.noise)
    assert "images that the subject was not" in ask(replace(fewer, noise=other))["noise_p"].reason


def test_margins_see_what_accuracy_on_the_floor_does_not() -> None:
    """Forget accuracy is 0 before and after rounding in the whole of the predecessor's table."""
    evidence = case(rounded=-4.0)
    assert ask(evidence, "accuracy")["recovered"].value == 0.0
    assert ask(evidence, "margin")["recovered"].value == 1.0


def test_a_measure_on_which_the_original_is_as_retrained_has_no_fraction() -> None:
    """The members of this made-up original are as its unseen images, so that there is no AUC to recover."""
    assert isinstance(ask(case(rounded=0.0), "auc")["recovered_fraction"], NotRun)


def test_what_is_missing_is_said() -> None:
    """A rebound needs the models before rounding, as many of them as after."""
    evidence = case(rounded=0.0)
    assert "before rounding" in ask(replace(evidence, full_precision=None))["rebound"].reason
    assert "19 draws" in ask(replace(evidence, noise=()))["recovered"].reason
    fewer = replace(evidence, retrained=evidence.retrained[:2])
    assert "2 rounded retrained models and 3 before" in ask(fewer)["rebound"].reason
    other = replace(evidence, original=model(6, 7, n=300))
    assert "other images" in ask(other)["rebound"].reason
