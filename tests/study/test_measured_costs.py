import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import ArtifactError
from canforget.study.measured_costs import (
    CostBook,
    MeasuredStep,
    cost_at,
    keep_miniatures,
    measured_in,
    measured_step,
    miniatures_in,
)
from canforget.study.step_profile import Profile
from canforget.study.store import Store

TRAIN = Profile("train", "kind", "twin", 1000.0, 0.1, "net")
STEP = MeasuredStep(TRAIN, 10.0, 8.0, 500.0, 1e9, ("cpu", "chip", 1))


def of(**changes: Any) -> MeasuredStep:
    about = {k: v for k, v in changes.items() if k in ("verb", "kind", "twin", "images", "share")}
    return replace(STEP, profile=replace(TRAIN, **about), **{k: v for k, v in changes.items() if k not in about})


def test_steps_that_differ_in_seeds_alone_are_believed_before_others() -> None:
    book = CostBook([of(), of(seconds=30.0), of(seconds=11.0), of(twin="other", images=100.0, seconds=99.0)])
    found = book.estimate(TRAIN)
    assert (found.basis, found.seconds, found.cpu_seconds, found.peak_bytes) == ("twin", 11.0, 8.0, 1e9)


def test_a_step_of_another_size_is_scaled_by_images_but_its_model_is_as_large() -> None:
    found = CostBook([of()]).estimate(replace(TRAIN, twin="larger", images=3000.0))
    assert (found.basis, found.seconds, found.cpu_seconds, found.bytes) == ("scaled", 30.0, 24.0, 500.0)
    predicted = replace(TRAIN, verb="predict", twin="larger", images=3000.0)
    assert CostBook([of(verb="predict")]).estimate(predicted).bytes == 1500.0


def test_what_nothing_is_like_is_unknown_and_never_guessed() -> None:
    book = CostBook([of()])
    for profile in (None, replace(TRAIN, kind="another")):
        found = book.estimate(profile)
        assert (found.basis, found.seconds) == ("unknown", 0.0)
    assert book.estimate(TRAIN, gpu=True).basis == "unknown"
    assert CostBook([of(place=("H100", "chip", 1))]).estimate(TRAIN).basis == "unknown"
    assert CostBook([of(place=("H100", "chip", 1))]).estimate(TRAIN, gpu=True).basis == "twin"


def test_judging_is_done_by_a_processor_whatever_device_its_worker_has() -> None:
    told = {"seconds": 1, "cpu_seconds": 1, "processor": "chip", "threads": 1, "gpu": "H100"}
    places = {verb: measured_step(replace(TRAIN, verb=verb), told, 1.0) for verb in ("train", "split", "judge")}
    assert {verb: found.place[0] for verb, found in places.items() if found} == {"train": "H100", "split": "cpu", "judge": "cpu"}
    assert measured_step(TRAIN, told | {"threads": None}, 1.0) is measured_step(None, told, 1.0) is measured_step(TRAIN, None, 1.0) is None


def test_unlearning_is_not_scaled_to_a_forget_set_of_another_share() -> None:
    """Passes over forget and retain set cost by the size of each, and nobody knows which a method makes."""
    book = CostBook([of(verb="unlearn")])
    larger = replace(TRAIN, verb="unlearn", twin="t", images=2000.0)
    assert book.estimate(larger).basis == "scaled"
    assert book.estimate(replace(larger, share=0.3)).basis == "unknown"


def test_miniatures_count_only_where_nothing_of_full_size_is_known() -> None:
    small = [of(images=10.0, seconds=1.0, twin="s", miniature=True), of(images=30.0, seconds=2.0, twin="s", miniature=True)]
    found = CostBook(small).estimate(TRAIN)
    assert (found.basis, found.peak_bytes) == ("miniature", 0.0)
    assert found.seconds == pytest.approx(0.5 + 0.05 * 1000)
    assert CostBook([*small, of(images=500.0, twin="t", seconds=7.0)]).estimate(TRAIN).seconds == 14.0


def test_seconds_of_two_machines_are_not_mixed() -> None:
    fast = ("cpu", "fast", 1)
    book = CostBook([of(), of(), *(of(seconds=1.0, place=fast) for _ in range(3))])
    assert (book.estimate(TRAIN).seconds, book.estimate(TRAIN).place) == (1.0, fast)


def test_the_error_of_estimates_is_that_of_each_step_from_the_others() -> None:
    seconds = [10.0, 12.0, 20.0]
    found = CostBook([*(of(seconds=s) for s in seconds), of(kind="lonely")]).errors()
    assert found.alone == 1
    assert found.median == pytest.approx(median([16 / 10 - 1, 15 / 12 - 1, 1 - 11 / 20]))
    assert found.ratio == pytest.approx((16 + 15 + 11) / 42)
    assert CostBook([]).errors().median is CostBook([]).errors().ratio is None


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0.01, 1e4)), min_size=1, max_size=8), st.integers(1, 10_000))
def test_a_scaled_cost_is_never_negative_and_never_falls_with_size(pairs: list[tuple[float, float]], images: int) -> None:
    assert 0 <= cost_at(pairs, images) <= cost_at(pairs, 2 * images) * (1 + 1e-9)


@given(st.floats(0, 50), st.floats(0.001, 9), st.integers(1, 100), st.integers(101, 1000), st.integers(1, 100_000))
def test_costs_on_a_line_are_found_again(fixed: float, each: float, low: int, high: int, images: int) -> None:
    pairs = [(size, fixed + each * size) for size in (low, high)]
    assert cost_at(pairs, images) == pytest.approx(fixed + each * images, rel=1e-6)


def test_a_store_tells_what_its_steps_cost_and_what_cannot_be_read_is_passed_over(done: Any, tmp_path: Path) -> None:
    drawn, store, _ = done
    found = measured_in(store)
    assert len(found) == len(drawn.steps)
    assert all(m.seconds > 0 and m.bytes > 0 and m.peak_bytes > 50e6 and m.place[0] == "cpu" for m in found)
    other = Store(tmp_path)
    for text in ("{", "[]", "{}", json.dumps({"verb": "train", "key": "aa", "what": {}, "conditions": {"seconds": 1}})):
        folder = other.folder("train", f"aa{hash(text)}")
        folder.mkdir(parents=True)
        (folder / "step.json").write_text(text)
    assert measured_in(other) == measured_in(Store(tmp_path / "none")) == []


def test_the_table_of_miniatures_holds_the_newest_of_each_kind_and_machine(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert miniatures_in(store) == []
    old, other = of(seconds=1.0, miniature=True), of(kind="other", miniature=True)
    keep_miniatures(store, [old, other])
    keep_miniatures(store, [replace(old, seconds=2.0)])
    assert {(m.profile.kind, m.seconds) for m in miniatures_in(store)} == {("other", 10.0), ("kind", 2.0)}
    assert replace(old, seconds=2.0) in miniatures_in(store)
    (store.root / "miniatures.json").write_text('[{"profile": 1}]')
    with pytest.raises(ArtifactError, match="not a table of steps carried out on few images .*; delete it"):
        miniatures_in(store)
