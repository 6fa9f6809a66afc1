"""Real nets of known answer through the whole audit, from Python."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import canforget
from canforget.auditing import standard
from canforget.auditing.measure import Bench
from canforget.auditing.run import audit_on, calibration_apart, cost, expected_cost, images_hash
from canforget.data.images import Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.progress import listening
from canforget.training.loop import Fit

FIT = Fit(epochs=6, batch_size=64, lr=0.1, schedule="triangle", warmup=0.2)


@pytest.fixture(scope="module")
def retrained(digits_split: Split) -> list[Any]:
    """Four nets that never saw class 0, the last of them to spare."""
    return [canforget.train("tiny_cnn:width=8", digits_split, retrain=True, seed=seed, fit=FIT) for seed in range(4)]


@pytest.fixture(scope="module")
def original(digits_split: Split) -> Any:
    return canforget.train("tiny_cnn:width=8", digits_split, fit=FIT)


@pytest.fixture(scope="module")
def bench(original: Any, retrained: Any, digits_split: Split, small_probes: None) -> Bench:
    """Original and three retrained models, asked once for all tests."""
    return Bench(digits_split, original, retrained[:3])


def test_a_model_that_unlearned_nothing_is_found_in_every_format(bench: Bench, original: Any) -> None:
    seen: list[float] = []
    with listening(seen.append):
        account = audit_on(bench, original, {}, "o", {})
    assert {f.format: f.word for f in account.formats} == dict.fromkeys(("float32", "int8", "int4", "float8"), "residual")
    assert account.word == "residual"
    assert account.whole
    assert account.calibration == {"images": 64, "shared with the forget set": 0}
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_spare_retrained_model_is_not_accused(bench: Bench, retrained: Any) -> None:
    account = audit_on(bench, retrained[3], {}, "g", {})
    assert account.word in ("consistent with retraining", "inconclusive")
    assert not account.failures


def test_a_ruined_model_is_said_to_be_one(bench: Bench, original: Any) -> None:
    ruined = canforget.unlearn(original, bench.split, "destroyed")
    assert audit_on(bench, ruined, {}, "u", {}).word == "utility lost"


def test_a_head_taught_to_answer_like_retraining_is_found_by_what_lies_below(bench: Bench, original: Any) -> None:
    """Its answers are those of a retrained model: what reads features or trains further must find it."""
    account = audit_on(bench, canforget.unlearn(original, bench.split, "head_distillation"), {}, "u", {})
    assert not [a for a in account.failures if a.question == "answers"]
    assert {a.question for a in account.failures} & {"prototype", "probe", "relearning", "blank head"}


def test_a_deployed_model_is_judged_beside_models_in_its_format(
    original: Any, digits_split: Split, small_probes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said without retrained models but figures; and a format that nobody told is flagged."""
    monkeypatch.setattr(standard, "FORMATS", {name: standard.FORMATS[name] for name in ("float32", "int8")})
    int8: Any = canforget.quantize(original, digits_split, "int:bits=8")
    account = canforget.audit(original, digits_split, original=original, quantized={"int8 file": int8})
    figures = {(a.question, a.format): a.value for a in account.answers}
    assert figures["answers", "int8 file"] == figures["answers", "int8"]
    int8.format = ""
    account = canforget.audit(original, digits_split, quantized={"int8 file": int8})
    assert {f.name for f in account.raised} == {"no null band", "compared across formats"}


def test_a_quantized_model_cannot_stand_for_the_unlearned_one(original: Any, digits_split: Split) -> None:
    with pytest.raises(SpecError, match="audit: this model is quantized already"):
        canforget.audit(canforget.quantize(original, digits_split, "int"), digits_split)


def test_the_cost_is_known_before(small_model: Classifier, digits_split: Split) -> None:
    bench = Bench(digits_split, small_model, [small_model, small_model])
    assert cost(bench, {}) == 4 * (1 + 1 + 2)
    found = expected_cost(bench, small_model, {})
    assert found.predictions == 16 * bench.images
    assert found.seconds > 0


def test_the_images_hash_names_the_data_and_not_the_request(digits_split: Split) -> None:
    """Who is in the forget set must not be found out by guessing sets and comparing hashes."""
    first, rest = digits_split.forget[:5], digits_split.forget[5:]
    other = replace(
        digits_split,
        forget=rest,
        retain=type(first)(*(torch.cat([getattr(digits_split.retain, k), getattr(first, k)]) for k in ("x", "y", "ids"))),
    )
    assert images_hash(other) == images_hash(digits_split)
    assert calibration_apart(digits_split)["shared with the forget set"] == 0
