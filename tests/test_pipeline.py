from pathlib import Path
from typing import Any

import pytest
import torch

import canforget
from canforget.data.images import Images
from canforget.errors import DataError, SpecError
from tests.narrowed import present


@pytest.fixture(scope="module")
def split() -> Any:
    return canforget.open_split("digits", "whole_class:classes=3")


@pytest.fixture(scope="module")
def original(split: Any) -> Any:
    return canforget.train("tiny_cnn", split, fit=canforget.Fit(epochs=3, batch_size=64, schedule="triangle", warmup=0.2))


def test_a_split_by_class_leaves_none_of_it_in_the_retain_set(split: Any) -> None:
    assert set(split.forget.y.tolist()) == {3}
    assert 3 not in split.retain.y
    assert set(split.test_forget.y.tolist()) == {3}
    assert split.forgotten_classes == (3,)


def test_training_from_a_name_learns(split: Any, original: Any) -> None:
    found = canforget.evaluate(original, split)
    assert present(found["test.accuracy"].value) > 0.9


def test_what_needs_other_models_says_so_without_them(split: Any, original: Any) -> None:
    found = canforget.evaluate(original, split)
    assert found["average_gap"].value is None
    assert "retrained" in found["average_gap"].not_run


def test_the_whole_pipeline_gives_figures_beside_retraining(split: Any, original: Any) -> None:
    retrained = [canforget.train("tiny_cnn", split.retain, fit=canforget.Fit(epochs=3, batch_size=64), seed=s) for s in (1, 2)]
    unlearned = canforget.unlearn(original, split, "neggrad_plus:fit.epochs=1")
    found = canforget.evaluate(canforget.quantize(unlearned, split, "int:bits=4"), split, original=original, retrained=retrained)
    assert 0 <= present(found["average_gap"].value) <= 1
    assert found["membership.phi"].interval is not None


def test_own_images_are_split_as_a_data_set_is(split: Any) -> None:
    train, test = split.retain, split.test
    own = canforget.split_of(Images.of(train.x, train.y), Images.of(test.x, test.y), "random_samples:count=20", classes=split.classes)
    assert len(own.forget) == 20
    assert int(own.test.ids.min()) == len(train)


def test_training_is_decided_by_its_seed(split: Any) -> None:
    fit = canforget.Fit(epochs=1)
    one, same, other = (canforget.train("tiny_cnn", split, fit=fit, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not all(torch.equal(one[k], other[k]) for k in one)


def test_a_calibration_set_outside_the_retain_set_cannot_be_made(split: Any) -> None:
    """The predecessor calibrated on what was to be forgotten."""
    from dataclasses import replace

    with pytest.raises(DataError, match="calibration touches images outside the retain set"):
        replace(split, calibration=split.forget[:8])
    with pytest.raises(DataError, match="in two of"):
        replace(split, val=split.test[:8])


@pytest.mark.parametrize(
    ("scenario", "error", "message"),
    [
        ("whole_class:classes=13", SpecError, "13"),
        ("random_samples:count=100000", SpecError, "100000"),
        ("whole_clas", SpecError, "did you mean 'whole_class'"),
    ],
)
def test_a_scenario_that_cannot_be_says_why(scenario: Any, error: Any, message: Any) -> None:
    with pytest.raises(error, match=message):
        canforget.open_split("digits", scenario)


@pytest.fixture(scope="module")
def others(split: Any, original: Any) -> Any:
    retrained = [canforget.train("tiny_cnn", split.retain, fit=canforget.Fit(epochs=2, batch_size=64), seed=s) for s in (1, 2)]
    return {"original": original, "retrained": retrained}


def test_a_quantized_model_is_judged_beside_models_in_its_own_format(split: Any, original: Any, others: Any) -> None:
    """It once was judged beside float models, so that what rounding does to every model counted as its own.

    At two bits every net of this size is ruined, and so is the original that it is compared with.
    """
    subject = canforget.quantize(original, split, "int:bits=2")
    asked: dict[str, Any] = {"metrics": ["agreement:other=original"], "audits": ["membership"]}
    alike = canforget.evaluate(subject, split, **others, **asked)
    assert alike["test.agreement:other=original"].value == 1
    assert alike.references == "in int:bits=2"
    rounded = [canforget.quantize(g, split, "int:bits=2") for g in others["retrained"]]
    given = canforget.evaluate(subject, split, original=subject, retrained=rounded, **asked)
    assert given == alike
    apart = canforget.evaluate(subject, split, **others, quantizer="none", **asked)
    assert present(apart["test.agreement:other=original"].value) < 0.9
    assert apart.references == "as they are"


def test_how_a_model_was_quantized_must_be_said_where_it_does_not_say_it(split: Any, original: Any, others: Any, tmp_path: Path) -> None:
    subject = canforget.load(canforget.save(canforget.quantize(original, split, "int:bits=4"), tmp_path / "int4.safetensors"))
    vars(subject)["format"] = ""
    with pytest.raises(SpecError, match=r"this model is quantized, and nobody said how; pass quantizer="):
        canforget.evaluate(subject, split, **others)
    found = canforget.evaluate(subject, split, **others, quantizer="int:bits=4", audits=[], metrics=["agreement:other=original"])
    assert found["test.agreement:other=original"].value == 1


def test_models_of_two_formats_are_not_compared(split: Any, original: Any, others: Any) -> None:
    eight, four = (canforget.quantize(original, split, f"int:bits={b}") for b in (8, 4))
    with pytest.raises(SpecError, match="this model is in int:bits=8, and one it is compared with in int:bits=4"):
        canforget.evaluate(eight, split, original=four)
    with pytest.raises(SpecError, match="this model is in float32, and one it is compared with in int:bits=4"):
        canforget.evaluate(original, split, original=four)


def test_a_split_of_tossed_images_is_audited_by_its_coins() -> None:
    """No other model is needed for it."""
    split = canforget.open_split("digits", "randomized_inclusion:fraction=0.2")
    model = canforget.train("tiny_cnn", split.retain, num_classes=10, fit=canforget.Fit(epochs=1))
    assert split.coins
    assert present(canforget.evaluate(model, split)["coin_flips.p"].value) > 0
