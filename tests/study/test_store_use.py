import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import ArtifactError
from canforget.report.record import Label, Record, save_records
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.run_events import EVENTS
from canforget.study.store import Store
from canforget.study.store_use import contents, keys_in_use, leftovers, removed, size_of, unneeded, with_inputs

LABEL = Label("digits", "tiny_cnn", "whole_class:classes=3", "scrub", "none", 0)


def put(store: Any, verb: str, key: str, *needs: tuple[str, str]) -> tuple[str, str]:
    about = {"verb": verb, "key": key, "label": f"{verb} it", "needs": [list(n) for n in needs]}
    store.put(verb, key, lambda folder: (folder / "file").write_text(key), about)
    return verb, key


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    """A store of a chain of four steps and one that nobody needs, and results whose record names the last of the chain."""
    store = Store(tmp_path / "store")
    split = put(store, "split", "aa" * 32)
    train = put(store, "train", "bb" * 32, split)
    predict = put(store, "predict", "cc" * 32, split, train)
    judge = put(store, "judge", "dd" * 32, predict)
    other = put(store, "train", "ee" * 32, split)
    save_records([Record(LABEL, steps={"judge": judge[1]})], ["case"], tmp_path / "results", {})
    return store, tmp_path / "results", [split, train, predict, judge], other


def test_what_records_refer_to_is_needed_with_all_that_it_was_made_from(chain: Any) -> None:
    store, results, needed, other = chain
    assert with_inputs(store, keys_in_use([results])) == sorted(needed)
    assert [(i.verb, i.key) for i in unneeded(store, [results])] == [other]


def test_steps_of_a_run_that_has_no_records_yet_or_failed_are_needed(chain: Any, tmp_path: Path) -> None:
    """A study under way, or one whose last step failed, would lose all that it has."""
    store, results, _, other = chain
    plan_line = json.dumps({"event": "plan", "steps": [[*other, "train it"]]}) + "\n"
    running = tmp_path / "running"
    running.mkdir()
    (running / EVENTS).write_text(plan_line)
    assert unneeded(store, [results, running]) == []
    (results / EVENTS).write_text(plan_line)
    assert unneeded(store, [results]) == []


def test_results_that_are_none_are_refused(chain: Any, tmp_path: Path) -> None:
    """A mistyped folder would have everything removed."""
    with pytest.raises(ArtifactError, match="no such file"):
        unneeded(chain[0], [chain[1], tmp_path / "mistyped"])


def test_nothing_is_unneeded_where_a_needed_step_does_not_say_what_it_was_made_from(chain: Any) -> None:
    store, results, needed, _ = chain
    (store.folder(*needed[2]) / "step.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"step.json or its checksum is not as it was written; run its study again"):
        unneeded(store, [results])


def test_what_is_removed_is_gone_whole_and_what_somebody_works_on_stays(chain: Any) -> None:
    store, results, needed, other = chain
    (store.root / "damaged" / "train-x.1").mkdir(parents=True)
    store.partial("ff" * 32).write_text("x")
    items = unneeded(store, [results])
    assert sorted(i.verb for i in items) == ["damaged", "partial", "train"]
    with store.claimed(other[1]):
        assert sorted(i.verb for i in removed(store, items)) == ["damaged", "partial"]
    assert [i.key for i in removed(store, unneeded(store, [results]))] == [other[1]]
    assert [(i.verb, i.key) for i in contents(store)] == sorted(needed)
    assert all(store.sound(*name) for name in needed)
    assert leftovers(store) == []


def test_contents_are_described_even_when_they_cannot_be_read(chain: Any) -> None:
    store, _, _, other = chain
    (store.folder(*other) / "step.json").write_text("[")
    labels = {(i.verb, i.key): i.label for i in contents(store)}
    assert labels.pop(other) == "(cannot be read)"
    assert set(labels.values()) == {"split it", "train it", "predict it", "judge it"}
    assert all(i.bytes == sum(p.stat().st_size for p in i.path.iterdir()) == size_of(i.path) for i in contents(store))


def test_a_real_study_computes_nothing_again_after_a_collection(done: Any, tmp_path: Path) -> None:
    drawn, store, records = done
    copy = Store(tmp_path / "store")
    shutil.copytree(store.root, copy.root)
    strange = put(copy, "train", "ee" * 32)
    save_records(list(records.values()), [c.key for c in drawn.cases], tmp_path / "results", {})
    items = unneeded(copy, [tmp_path / "results"])
    assert strange in [(i.verb, i.key) for i in items]
    removed(copy, items)
    told: list[str] = []
    again = run(plan(drawn.study), copy, notify=lambda outcome: told.append(outcome.status))
    assert set(told) == {"cached"}
    assert [r.values for r in again] == [r.values for r in records.values()]
