import pytest
import torch

import canforget
from canforget.data.images import Images
from canforget.errors import DataError, SpecError


@pytest.fixture(scope="module")
def split():
    return canforget.open_split("digits", "whole_class:classes=3")


@pytest.fixture(scope="module")
def original(split):
    return canforget.train("tiny_cnn", split, fit=canforget.Fit(epochs=3, batch_size=64, schedule="triangle", warmup=0.2))


def test_a_split_by_class_leaves_none_of_it_in_the_retain_set(split):
    assert set(split.forget.y.tolist()) == {3}
    assert 3 not in split.retain.y
    assert set(split.test_forget.y.tolist()) == {3}
    assert split.forgotten_classes == (3,)


def test_training_from_a_name_learns(split, original):
    found = canforget.evaluate(original, split)
    assert found["test.accuracy"].value > 0.9


def test_what_needs_other_models_says_so_without_them(split, original):
    found = canforget.evaluate(original, split)
    assert found["average_gap"].value is None
    assert "retrained" in found["average_gap"].not_run


def test_the_whole_pipeline_gives_figures_beside_retraining(split, original):
    retrained = [canforget.train("tiny_cnn", split.retain, fit=canforget.Fit(epochs=3, batch_size=64), seed=s) for s in (1, 2)]
    unlearned = canforget.unlearn(original, split, "neggrad_plus:fit.epochs=1")
    found = canforget.evaluate(canforget.quantize(unlearned, split, "int:bits=4"), split, original=original, retrained=retrained)
    assert 0 <= found["average_gap"].value <= 1
    assert found["membership.phi"].interval is not None


def test_own_images_are_split_as_a_data_set_is(split):
    train, test = split.retain, split.test
    own = canforget.split_of(Images.of(train.x, train.y), Images.of(test.x, test.y), "random_samples:count=20", classes=split.classes)
    assert len(own.forget) == 20
    assert int(own.test.ids.min()) == len(train)


def test_training_is_decided_by_its_seed(split):
    fit = canforget.Fit(epochs=1)
    one, same, other = (canforget.train("tiny_cnn", split, fit=fit, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not all(torch.equal(one[k], other[k]) for k in one)


def test_a_calibration_set_outside_the_retain_set_cannot_be_made(split):
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
def test_a_scenario_that_cannot_be_says_why(scenario, error, message):
    with pytest.raises(error, match=message):
        canforget.open_split("digits", scenario)
