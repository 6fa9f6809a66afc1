import json
from pathlib import Path
from typing import Any

import pytest

from canforget.report.record import Label, Record, save_records
from canforget.study.store import Store
from tests import calling

SPLIT, TRAIN, OTHER = "aa" * 32, "bb" * 32, "cc" * 32
LABEL = Label("digits", "tiny_cnn", "whole_class:classes=3", "scrub", "none", 0)


def call(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Any:
    """Exit code, standard output, standard error of `canforget store ...`."""
    return calling.call(capsys, "store", *arguments)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of three steps where commands look for it, and results that need two of them."""
    monkeypatch.chdir(tmp_path)
    found: Any = Store(tmp_path / "canforget-store")
    for verb, key, needs in (("split", SPLIT, []), ("train", TRAIN, [["split", SPLIT]]), ("train", OTHER, [])):
        about = {"verb": verb, "key": key, "label": f"{verb} {key[:2]}", "needs": needs}
        found.put(verb, key, lambda folder: (folder / "file").write_text("x" * 5000), about)
    save_records([Record(LABEL, steps={"train": TRAIN})], ["case"], tmp_path / "results", {})
    return found


@pytest.mark.parametrize("verb", ["ls", "du", "verify", "gc", "export", "import"])
def test_every_one_has_help_with_an_example(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    code, out, _ = call(capsys, verb, "--help")
    assert code == 0
    assert f"Example: canforget store {verb}" in out
    assert "--json" in out


def test_a_store_is_listed_and_measured(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    code, out, _ = call(capsys, "ls", "--verb", "train")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[:-1]] == [["train", TRAIN[:12]], ["train", OTHER[:12]]]
    assert out.splitlines()[-1].startswith("2 in all, 10.")
    whole = sum(p.stat().st_size for p in store.root.rglob("*") if p.is_file())
    assert sum(i["bytes"] for i in json.loads(call(capsys, "ls", "--json")[1])) == whole
    sizes = json.loads(call(capsys, "du", "--json")[1])
    assert {verb: found["count"] for verb, found in sizes.items()} == {"split": 1, "train": 2}
    assert call(capsys, "du")[1].splitlines()[-1].split()[:2] == ["total", "3"]


def test_damage_is_named_and_left_to_the_run_that_needs_it(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    assert call(capsys, "verify")[:2] == (0, "3 of 3 steps are as they were written\n")
    (store.folder("train", OTHER) / "file").write_text("x" * 4999)
    code, out, _ = call(capsys, "verify")
    assert code == 1
    assert out.splitlines() == [f"damaged: train {OTHER[:12]}: file is not as it was written", "2 of 3 steps are as they were written"]
    (damaged,) = json.loads(call(capsys, "verify", "--json")[1])["damaged"]
    assert damaged["key"] == OTHER


def test_a_collection_says_what_it_would_remove_first(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    code, out, _ = call(capsys, "gc", "results")
    assert code == 0
    assert out.splitlines()[0].split()[:2] == ["train", OTHER[:12]]
    assert out.splitlines()[-1] == "nothing was removed; --yes removes them"
    assert store.sound("train", OTHER)
    assert call(capsys, "gc", "results", "--yes")[1].splitlines()[-1] == "removed"
    assert store.artifacts() == [("split", SPLIT), ("train", TRAIN)]


def test_a_study_travels_as_one_archive(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    code, out, err = call(capsys, "export", "results", "--out", "steps.tar", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["steps"] == 2
    assert json.loads(call(capsys, "import", "steps.tar", "--store", "new", "--json")[1]) == {"added": 2, "steps": 2, "store": "new"}
    assert Store(Path("new")).artifacts() == [("split", SPLIT), ("train", TRAIN)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "store: Missing command (canforget store --help)"),
        (["lst"], "store: No such command 'lst'"),
        (["ls", "--store", "absent"], "absent: no store there; name one by --store"),
        (["gc"], "RESULTS is missing"),
        (["gc", "absent", "--yes"], "absent/results.json: no such file"),
        (["export", "results", "--out", "steps.zip"], "steps.zip: archives are written as .tar; name the file so"),
        (["import", "absent.tar"], "absent.tar: cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: Any, message: str) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_store_that_lacks_steps_of_the_records_is_not_exported(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    store.remove(store.folder("train", TRAIN), TRAIN)
    code, _, err = call(capsys, "export", "results")
    assert code == 2
    assert f"lacks 1 of the 1 steps that the records refer to ({TRAIN[:12]} is one); run the study again, then export" in err
