"""Records handed on hold the same figures, and no label breaks the form they are in."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy
import pytest
from pyarrow import BufferReader, parquet

import canforget
from canforget.errors import ArtifactError, SpecError
from canforget.report.record import Label, Measured, Record, save_records
from canforget.report.results import Results
from tests.calling import call

PUBLISHED = Path(__file__).parents[2] / "results" / "cifar10_class"


def record(unlearner: str = "scrub", seed: int = 0, value: float = 0.5) -> Record:
    values = {"test.accuracy": Measured(value, (0.4, 0.6), 100), "average_gap": Measured(not_run="needs retrained models")}
    return Record(Label("digits", "tiny_cnn", "whole_class:classes=3", unlearner, "none", seed), values)


def test_every_value_is_a_row_of_csv_and_parquet_alike() -> None:
    found = canforget.results(PUBLISHED, unlearner="scrub", quantizer="none").only("test.accuracy", "membership.phi")
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    table = parquet.read_table(BufferReader(found.to_parquet())).to_pylist()
    assert (
        [float(r["value"]) for r in rows]
        == [r["value"] for r in table]
        == [r.values[r2["name"]].value for r, r2 in zip([x for x in found.records for _ in range(2)], rows, strict=True)]
    )
    assert len(rows) == 2 * 2 * 2


def test_over_seeds_the_mean_has_its_t_interval() -> None:
    found = Results((record(seed=0, value=0.5), record(seed=1, value=0.7)))
    (accuracy, gap) = found.rows_over_seeds()
    assert accuracy["mean"] == pytest.approx(0.6)
    assert accuracy["high"] - accuracy["mean"] == pytest.approx(12.706 * numpy.std([0.5, 0.7], ddof=1) / 2**0.5, rel=1e-4)
    assert (gap["mean"], gap["not_run"]) == (None, "needs retrained models")


def test_no_label_breaks_a_table() -> None:
    found = Results((record("a|b_c&<script>\nx%{}\\"),)).only("test.accuracy")
    assert found.to_markdown().splitlines()[2] == r"| a\|b\_c&\<script\> x%\{\}\\ | none | 0.500 | 1 |"
    assert r"a|b\_c\&<script> x\%\{\}\textbackslash{} & none & 0.500 & 1 \\" in found.to_latex()
    assert next(iter(csv.DictReader(io.StringIO(found.to_csv()))))["unlearner"] == "a|b_c&<script>\nx%{}\\"


def test_a_frame_needs_its_library_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    for frame in (Results((record(),)).to_pandas, Results((record(),)).to_polars):
        with pytest.raises(SpecError, match="is not installed; pip install "):
            frame()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_has_numbers_as_numbers(library: Any) -> None:
    pytest.importorskip(library)
    frame = getattr(Results((record(),)), f"to_{library}")()
    assert frame["value"][0] == 0.5 and list(frame.columns)[-6:] == ["name", "value", "low", "high", "n", "not_run"]


def test_what_is_not_there_is_one_line() -> None:
    with pytest.raises(SpecError, match="no axis 'unlerner'; did you mean 'unlearner'"):
        canforget.results(PUBLISHED, unlerner="scrub")
    with pytest.raises(SpecError, match="none of 80 records is so"):
        canforget.results(PUBLISHED, unlearner="npo")
    with pytest.raises(ArtifactError, match="no such file"):
        canforget.results("absent")


def test_the_command_writes_what_its_file_is_named_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    save_records([record(), record(seed=1)], ["a", "b"], tmp_path, {})
    code, out, _ = call(capsys, "results", tmp_path, "--columns", "test.accuracy", "--out", tmp_path / "t.tex")
    assert code == 0 and "2 records as latex" in out
    assert r"\begin{tabular}{llrr}" in (tmp_path / "t.tex").read_text()
    assert call(capsys, "results", tmp_path, "--columns", "test.accuracy", "--format", "markdown")[1].count("|\n") == 3
    assert call(capsys, "results", tmp_path, "--format", "parquet")[0] == 2
    assert '"mean": 0.5' in call(capsys, "results", tmp_path, "--over-seeds", "--json")[1]
