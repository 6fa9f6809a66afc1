from functools import partial
from typing import Any

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from canforget.data.dataset import DataSet, tables_of
from canforget.data.split import split_ids
from canforget.errors import PlanError, SpecError
from canforget.scenarios.random_samples import random_samples
from canforget.scenarios.whole_class import whole_class

CLASSES = ("cat", "dog", "owl")


def data_set(train_sizes: Any, test_sizes: Any, seed: Any = 0) -> Any:
    """Labels in random order; pixels that nobody may ask for."""
    rng = numpy.random.default_rng(seed)
    train, test = (rng.permutation(numpy.repeat(numpy.arange(3), sizes)) for sizes in (train_sizes, test_sizes))
    return DataSet("toy", *tables_of(train, test), CLASSES, (1, 1, 1), "", pytest.fail)


def scenario(function: Any, **arguments: Any) -> Any:
    return lambda train, rng: function(train, class_names=CLASSES, rng=rng, **arguments)


def per_class(table: Any, ids: Any) -> Any:
    return numpy.bincount(table.only(ids).labels, minlength=3)


SETS = ("forget", "retain", "val", "held_out", "test", "test_forget", "test_retain", "calibration")
sizes = st.tuples(*[st.integers(12, 50)] * 3)
scenarios = st.sampled_from(
    [
        scenario(whole_class, classes="dog"),
        scenario(whole_class, classes=("dog", "owl")),
        scenario(whole_class, classes="cat", fraction=0.5),
        scenario(random_samples, fraction=0.2),
        scenario(random_samples, count=7, stratified=False),
    ]
)
splits = st.tuples(sizes, sizes, scenarios, st.sampled_from([0.0, 0.1, 0.25]), st.sampled_from([0.0, 0.1, 0.3]), st.integers(0, 10**6))


def split_of(train_sizes: Any, test_sizes: Any, choose: Any, val_fraction: Any, held_out_fraction: Any, seed: Any) -> Any:
    data = data_set(train_sizes, test_sizes)
    split = partial(split_ids, data, choose, seed=seed, val_fraction=val_fraction, held_out_fraction=held_out_fraction, calibration=6)
    return data, split


@settings(max_examples=30)
@given(splits)
def test_forget_retain_val_and_held_out_partition_the_training_set(drawn: Any) -> None:
    """An image in two sets is trained on and yet called unseen; one in none was lost on the way."""
    data, split = split_of(*drawn)
    ids = split()
    parts = numpy.concatenate([ids.forget, ids.retain, ids.val, ids.held_out])
    assert numpy.array_equal(numpy.sort(parts), data.train.ids)
    assert numpy.array_equal(ids.test, data.test.ids)
    assert numpy.isin(numpy.concatenate([ids.test_forget, ids.test_retain]), ids.test).all()
    for name in SETS:
        values = getattr(ids, name)
        assert values.dtype == numpy.int64
        assert (numpy.diff(values) > 0).all(), name


@settings(max_examples=30)
@given(splits)
def test_calibration_comes_from_the_retain_set_and_keeps_its_proportions(drawn: Any) -> None:
    """Ranges calibrated on forgotten images carry them into the quantized model."""
    data, split = split_of(*drawn)
    ids = split()
    retained = per_class(data.train, ids.retain)
    assert numpy.isin(ids.calibration, ids.retain).all()
    assert not numpy.isin(ids.calibration, ids.forget).any()
    assert len(ids.calibration) == 6
    assert (abs(per_class(data.train, ids.calibration) - 6 * retained / retained.sum()) < 1).all()


@settings(max_examples=30)
@given(splits)
def test_validation_is_stratified_within_one_image_and_does_not_know_the_scenario(drawn: Any) -> None:
    """A validation part that differs by scenario gives each scenario an original model of its own."""
    train_sizes, _, _, val_fraction, _, seed = drawn
    data, split = split_of(*drawn)
    ids = split()
    share = len(ids.val) / sum(train_sizes)
    assert len(ids.val) == round(val_fraction * sum(train_sizes))
    assert (abs(per_class(data.train, ids.val) - share * numpy.array(train_sizes)) < 1 + 1e-9).all()
    other = split_ids(data, scenario(whole_class, classes="owl"), seed=seed, val_fraction=val_fraction, calibration=1)
    assert numpy.array_equal(ids.val, other.val)


@settings(max_examples=30)
@given(splits)
def test_a_seed_decides_a_split_and_its_fingerprints(drawn: Any) -> None:
    """A split drawn from a global or unseeded stream cannot be drawn again by another process."""
    _, split = split_of(*drawn)
    one, two = split(), split()
    assert one.fingerprint == two.fingerprint
    assert set(one.fingerprint) == set(SETS)
    assert len(one.fingerprint["forget"]) == 64


def test_another_seed_draws_other_images() -> None:
    """A seed that is read and not used gives intervals of width zero."""
    one, two = (split_ids(data_set([40] * 3, [9] * 3), scenario(random_samples, count=20), seed=s, calibration=9) for s in (0, 1))
    for name in ("forget", "val", "calibration"):
        assert one.fingerprint[name] != two.fingerprint[name]


@settings(max_examples=30)
@given(splits)
def test_held_out_images_match_the_forget_set_by_class(drawn: Any) -> None:
    """Non-members of other classes make membership look like class recognition."""
    data, split = split_of(*drawn)
    ids = split()
    held_out, forget = per_class(data.train, ids.held_out), per_class(data.train, ids.forget)
    whole = numpy.isin(numpy.arange(3), ids.forgotten_classes)
    chosen = forget + held_out * whole
    fraction = drawn[4]
    assert len(ids.held_out) == round(fraction * chosen.sum())
    assert (abs(held_out - len(ids.held_out) * chosen / chosen.sum()) < 1 + 1e-9).all()


def test_a_request_to_forget_is_met_in_full_when_its_class_has_other_images_to_hold_out() -> None:
    """Holding out a part of the requested images themselves would leave them unlearned in name only."""
    data = data_set([50] * 3, [9] * 3)
    plain, held = (split_ids(data, scenario(random_samples, count=30), seed=0, held_out_fraction=h, calibration=9) for h in (0.0, 0.4))
    assert plain.fingerprint["forget"] == held.fingerprint["forget"]
    assert len(held.held_out) == 12
    assert len(held.retain) == len(plain.retain) - 12


def test_a_class_forgotten_wholly_gives_up_some_of_its_own_images() -> None:
    """There are no others of its class."""
    data = data_set([50] * 3, [9] * 3)
    ids = split_ids(data, scenario(whole_class, classes="dog"), seed=0, val_fraction=0, held_out_fraction=0.2, calibration=9)
    assert (len(ids.forget), len(ids.held_out), len(ids.retain)) == (40, 10, 100)
    assert ids.forgotten_classes == (1,)


def test_test_parts_of_whole_classes_are_all_their_test_images_and_no_others() -> None:
    """A test_retain that still holds the class charges an unlearner for having forgotten it."""
    data = data_set([30, 20, 40], [7, 5, 9])
    ids = split_ids(data, scenario(whole_class, classes=("cat", "owl")), seed=0, calibration=9)
    assert numpy.array_equal(ids.test_forget, data.test.ids[data.test.labels != 1])
    assert numpy.array_equal(ids.test_retain, data.test.ids[data.test.labels == 1])


@settings(max_examples=30)
@given(sizes, sizes, st.integers(1, 11), st.integers(0, 99))
def test_the_test_part_of_random_samples_has_their_class_proportions(train_sizes: Any, test_sizes: Any, count: Any, seed: Any) -> None:
    """Unmatched classes confound membership with class."""
    data = data_set(train_sizes, test_sizes)
    ids = split_ids(data, scenario(random_samples, count=count, stratified=False), seed=seed, calibration=1)
    assume(not ids.forgotten_classes)
    wanted, got = per_class(data.train, ids.forget), per_class(data.test, ids.test_forget)
    scale = min(t / w for t, w in zip(test_sizes, wanted, strict=True) if w)
    assert got.sum() == pytest.approx(scale * wanted.sum(), abs=1)
    assert (abs(got - got.sum() * wanted / wanted.sum()) < 1 + 1e-9).all()
    assert (got[wanted == 0] == 0).all()
    assert numpy.array_equal(ids.test_retain, ids.test)


def test_a_forget_set_with_a_class_that_the_test_set_lacks_has_no_test_counterpart() -> None:
    """Its counterpart without that class would be of other proportions; none at all can be shown as not run."""
    ids = split_ids(data_set([30] * 3, [5, 5, 0]), scenario(random_samples, count=30), seed=0, calibration=3)
    assert len(ids.test_forget) == 0


@pytest.mark.parametrize("name", ["val_fraction", "held_out_fraction"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_fractions_out_of_range_are_refused(name: Any, value: Any) -> None:
    """A percentage in place of a fraction leaves nothing to train on."""
    with pytest.raises(SpecError, match=name):
        split_ids(data_set([30] * 3, [5] * 3), scenario(random_samples, count=3), seed=0, **{name: value})


@pytest.mark.parametrize(("images", "found"), [(15, 38), (200, 256)])
def test_the_default_calibration_set_is_at_most_what_there_is(images: Any, found: Any) -> None:
    """A folder of 43 images could not be split at all, for want of 256 to calibrate a quantizer that nobody had asked for."""
    ids = split_ids(data_set([images] * 3, [5] * 3), scenario(random_samples, count=3), seed=0)
    assert len(ids.calibration) == found
    assert numpy.isin(ids.calibration, ids.retain).all()


def test_a_calibration_set_larger_than_the_retain_set_is_refused() -> None:
    """Filled up from elsewhere it would touch the forget set; cut short it would not be what was asked for."""
    with pytest.raises(PlanError, match="calibration=99: the retain set has 78 images"):
        split_ids(data_set([30] * 3, [5] * 3), scenario(random_samples, count=3), seed=0, calibration=99)


def test_holding_out_all_that_is_left_of_a_class_is_refused() -> None:
    """A class of which nothing is retained is forgotten, though nobody asked."""
    choose = scenario(whole_class, classes="cat", fraction=0.9)
    with pytest.raises(PlanError, match=r"held_out_fraction=0\.5: .* class 0"):
        split_ids(data_set([30] * 3, [5] * 3), choose, seed=0, held_out_fraction=0.5, calibration=3)
    with pytest.raises(PlanError, match="class 1"):
        split_ids(data_set([30] * 3, [5] * 3), scenario(whole_class, classes="dog"), seed=0, held_out_fraction=0.99, calibration=3)


def test_a_scenario_that_chooses_outside_the_training_table_is_refused() -> None:
    """A stranger's scenario may return positions in place of ids."""
    with pytest.raises(PlanError, match="outside the training table"):
        split_ids(data_set([30] * 3, [5] * 3), lambda train, rng: numpy.array([500]), seed=0)
