"""Rows are named on the command line, told in words first, and models compared image by image."""

import json
from pathlib import Path
from typing import Any

import pytest

import canforget
from canforget.cli.comparing import records_at
from canforget.errors import SpecError
from tests.calling import call

PUBLISHED = Path(__file__).parents[2] / "results" / "cifar10_class"


def test_a_row_is_named_by_its_folder_unlearner_and_format() -> None:
    found = records_at(f"{PUBLISHED}@scrub@none")
    assert {(r.case.unlearner, r.case.quantizer) for r in found} == {("scrub", "none")}, "not scrub:fit.lr=0.0001, which begins so"
    assert len(records_at(f"{PUBLISHED}@retrained@float32")) == 2
    with pytest.raises(SpecError, match="no record of npo"):
        records_at(f"{PUBLISHED}@npo")


def test_two_published_rows_are_told_in_words_first(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "compare", f"{PUBLISHED}@ssd:alpha=5.0@none", f"{PUBLISHED}@scrub@none")
    assert code == 0
    assert out.startswith("Beyond seed noise, scrub · none differs from ssd:alpha=5.0 · none in") and "paired by seed" in out
    assert max(map(len, out.splitlines())) <= 100
    said = json.loads(call(capsys, "compare", PUBLISHED, PUBLISHED, "--json")[1])
    assert len(said["rows"]) == 40 and said["only_a"] == []
    assert all(d["difference"] == 0 for row in said["rows"] for d in row["differences"])


def test_two_models_are_compared_image_by_image(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    split = canforget.open_split("digits", "whole_class:classes=3")
    model: Any = canforget.train("tiny_cnn", split, fit=canforget.Fit(epochs=2))
    origin = {"dataset": "digits", "scenario": "whole_class:classes=3", "val_fraction": 0.1}
    for name, made in {"a": model, "b": canforget.quantize(model, split, "int:bits=2")}.items():
        canforget.save(made, tmp_path / f"{name}.safetensors", origin=origin)
    code, out, _ = call(capsys, "compare", tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert code == 0
    assert "paired by image" in out and "Whether it is beyond seed noise is not known" in " ".join(out.split())
    code, _, err = call(capsys, "compare", tmp_path / "a.safetensors", PUBLISHED)
    assert code == 2 and "is no model file" in err
