import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pyarrow import parquet

from canforget.errors import ArtifactError
from canforget.report.record import Label, Measured, Record, Summary, load_records, over_seeds, save_records, schema, select, summarize


def record(seed: Any = 0, unlearner: Any = "scrub", value: Any = 0.5, **changes: Any) -> Any:
    values = {"test.accuracy": Measured(value, (0.4, 0.6), 100), "gap": Measured(not_run="no retrained models")}
    return replace(Record(Label("digits", "tiny_cnn", "whole", unlearner, "none", seed), values, seconds={"unlearn": 1.0}), **changes)


def test_records_come_back_as_they_were_saved(tmp_path: Path) -> None:
    records = [record(0), record(1, value=None, not_run="diverged")]
    files = save_records(records, ["a", "b"], tmp_path, {"study": "x"})
    assert load_records(tmp_path) == records
    assert load_records(files[0]) == records[:1]


def test_a_record_keeps_its_published_schema(tmp_path: Path) -> None:
    save_records([record()], ["a"], tmp_path, {})
    assert jsonschema.validate(json.loads((tmp_path / "cases" / "a.json").read_text()), schema()) is None


def test_an_index_says_whose_record_a_file_is(tmp_path: Path) -> None:
    """Files are named by keys, for labels may be longer than a file's name."""
    save_records([record(0), record(1)], ["a", "b"], tmp_path, {})
    index = json.loads((tmp_path / "cases" / "index.json").read_text())
    assert index.keys() == {"a.json", "b.json"}
    assert Label(**index["b.json"]) == record(1).case
    assert load_records(tmp_path / "cases" / "b.json") == [record(1)]


@pytest.mark.parametrize("harm", [b"", b"{", b"\xff\xfe"])
def test_a_damaged_file_of_an_earlier_run_is_written_anew(tmp_path: Path, harm: Any) -> None:
    """It ended the run with a traceback, before any result was written."""
    save_records([record()], ["a"], tmp_path, {})
    for path in (tmp_path / "cases" / "a.json", tmp_path / "cases" / "index.json", tmp_path / "results.json"):
        before = path.read_bytes()
        path.write_bytes(harm)
        save_records([record()], ["a"], tmp_path, {})
        assert path.read_bytes() == before


def test_a_file_that_is_not_records_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"records": [{"case": 3}]}')
    with pytest.raises(ArtifactError, match=r"not a list of canforget.record/1: case"):
        load_records(path)


def test_parquet_holds_one_row_a_value(tmp_path: Path) -> None:
    save_records([record(0), record(1)], ["a", "b"], tmp_path, {})
    rows = parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert len(rows) == 4
    assert rows[0] | {"n": 100} == rows[0]
    assert [r["not_run"] for r in rows[:2]] == ["", "no retrained models"]


def test_saving_again_touches_no_file_that_is_the_same(tmp_path: Path) -> None:
    save_records([record()], ["a"], tmp_path, {})
    before = (tmp_path / "cases" / "a.json").stat().st_mtime_ns
    save_records([record()], ["a"], tmp_path, {})
    assert (tmp_path / "cases" / "a.json").stat().st_mtime_ns == before


def test_the_mean_over_seeds_comes_with_half_its_t_interval() -> None:
    """By hand: mean .5, sd .1, n = 2: 12.706 x .1 / sqrt(2)."""
    found = summarize([record(0, value=0.5 - 0.0707106781), record(1, value=0.5 + 0.0707106781)], "test.accuracy")
    assert isinstance(found, Summary)
    assert found.mean == pytest.approx(0.5)
    assert found.half_width == pytest.approx(12.7062 * 0.1 / 2**0.5, rel=1e-4)
    assert found.seeds == 2


def test_a_single_seed_has_no_interval() -> None:
    assert summarize([record()], "test.accuracy") == Summary(0.5, None, 1)


def test_what_was_not_run_says_why_and_is_never_a_number() -> None:
    assert summarize([record()], "gap") == "no retrained models"
    assert summarize([record(), record(1, not_run="diverged")], "test.accuracy") == "diverged"
    assert summarize([record()], "absent") == "not measured"


def test_records_are_grouped_over_seeds_and_selected_by_label() -> None:
    records = [record(0), record(0, "salun"), record(1)]
    assert [len(g) for g in over_seeds(records).values()] == [2, 1]
    assert select(records, unlearner="salun") == records[1:2]


def test_the_published_schema_is_the_one_that_records_keep() -> None:
    """After a change of what a record holds: canforget show --schema > docs/record.schema.json"""
    published = json.loads((Path(__file__).parents[2] / "docs" / "record.schema.json").read_text())
    assert published == json.loads(json.dumps(schema()))


def test_published_records_can_still_be_read() -> None:
    for folder in (Path(__file__).parents[2] / "results").iterdir():
        if folder.is_dir() and (folder / "results.json").is_file():
            assert all(r.case.seed >= 0 for r in load_records(folder))
