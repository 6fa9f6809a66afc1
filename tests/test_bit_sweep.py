"""The sweep on a small net: what must fall with the bits falls, and the rounding at which most is remembered is the one reported."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from canforget.bit_sweep import Row, Sweep, sweep, sweep_text, variants
from canforget.cli.app import main
from canforget.data.images import Split
from canforget.deployment.model_file import save
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.quantization.folding import folded
from canforget.spec import parse
from tests.narrowed import present


@pytest.fixture(scope="module")
def found(small_model: Classifier, digits_split: Split) -> Any:
    return sweep(small_model, digits_split, parse("quantizers", "int:activations=0"), bits=(8, 4, 2), layer_bits=(2,))


def test_fewer_bits_weigh_less_and_eight_lose_nothing(found: Any) -> None:
    assert [row.bits for row in found.uniform] == [8, 4, 2]
    sizes = [found.float32.bytes, *(row.bytes for row in found.uniform)]
    assert sizes == sorted(sizes, reverse=True)
    assert abs(found.uniform[0].val_accuracy - found.float32.val_accuracy) <= 0.02
    assert found.uniform[-1].val_accuracy < found.float32.val_accuracy - 0.2
    assert found.uniform[0].forget_margin == pytest.approx(found.float32.forget_margin, abs=0.3)


def test_a_layer_alone_is_rounded_alone_and_the_model_is_left_as_it_was(small_model: Classifier, digits_split: Split) -> None:
    """Rounding left in place would make the last layer's row that of the whole network."""
    before = deepcopy(small_model.state_dict())
    call = parse("quantizers", "int:activations=0")
    found = sweep(small_model, digits_split, call, bits=(2,), layer_bits=(8, 2), neighbor_bits=8)
    weights = {n: m.weight.numel() for n, m in folded(small_model).named_modules() if hasattr(m, "weight") and m.weight.ndim > 1}
    assert [(row.bits, row.layer) for row in found.layers] == [(b, name) for b in (8, 2) for name in weights]
    for row in found.layers:
        saved = found.float32.bytes - row.bytes
        assert saved <= weights[row.layer] * (32 - row.bits) / 8 < saved + 1000, row
    assert min(present(row.val_accuracy) for row in found.layers if row.bits == 2) > present(found.uniform[0].val_accuracy)
    assert all(torch.equal(t, small_model.state_dict()[n]) for n, t in before.items())


def test_neighbors_differ_in_one_choice_each(found: Any) -> None:
    names = [row.rounding for row in found.neighbors]
    assert {"as named", "symmetric=False", "granularity=per_tensor", "full_range=True", "ranges=mse"} <= set(names)
    assert {row.bits for row in found.neighbors} == {4}
    assert len(set(names)) == len(names)
    assert not any(name.startswith("full_range") for name, _ in variants(parse("quantizers", "int:symmetric=false")))


def test_the_worst_neighbor_is_the_one_that_remembers_most() -> None:
    """An average over neighbors would hide the rounding at which it comes back."""
    rows = [Row("a", 4, "", 0.9, 0.0, -5.0), Row("b", 4, "", 0.9, 0.6, 1.0), Row("c", 4, "", 0.9, 0.6, 2.0), Row("d", 4, not_run="no")]
    found = Sweep(rows[0], (), (), tuple(rows))
    assert present(found.worst).rounding == "c"
    assert "Worst neighbor: c: 60.0 %" in sweep_text(found)
    assert "d (not run: no)" in sweep_text(found)


def test_without_a_forget_set_nothing_is_said_of_forgetting(small_model: Classifier, digits_split: Split) -> None:
    call = parse("quantizers", "int")
    found = sweep(small_model, digits_split, call, bits=(8,), layer_bits=(), neighbor_bits=8, forgetting=False)
    assert found.worst is None
    assert found.uniform[0].forget_accuracy is None
    assert "Worst" not in sweep_text(found)


def test_a_format_without_bits_is_refused(small_model: Classifier, digits_split: Split) -> None:
    with pytest.raises(SpecError, match="float8 has no bits to sweep"):
        sweep(small_model, digits_split, parse("quantizers", "float8"))


def test_columns_are_aligned(found: Any) -> None:
    lines = [line for line in sweep_text(found).split("\n") if line.startswith("  ")]
    assert len({len(line) for line in lines}) == 1


def test_the_command_takes_a_file_and_prints_a_table_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name on the command line has a dash, the module's an underscore."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    with pytest.raises(SystemExit) as leave:
        main(["train", "--model", "tiny_cnn", "--dataset", "digits", "--out", str(path), "--fit", "epochs=2"])
    assert not leave.value.code
    capsys.readouterr()
    given = ["sweep-bits", str(path), "--scenario", "whole_class:classes=3", "--bits", "8", "3", "--layer-bits", "2"]
    for extra in ([], ["--json"]):
        with pytest.raises(SystemExit) as leave:
            main([*given, *extra])
        assert not leave.value.code
    table, _, plain = capsys.readouterr().out.partition("{")
    assert "One layer at a time" in table
    rows = json.loads("{" + plain)
    assert [row["bits"] for row in rows["uniform"]] == [8, 3]
    assert rows["worst"]["forget_accuracy"] == max(row["forget_accuracy"] for row in rows["neighbors"])


def test_a_model_without_a_data_set_of_its_own_asks_for_one(
    small_model: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(small_model, tmp_path / "own.safetensors")
    with pytest.raises(SystemExit) as leave:
        main(["sweep-bits", str(path)])
    assert leave.value.code == 2
    assert "--dataset" in capsys.readouterr().err


def test_help_lists_the_command_by_its_dashed_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sweep-bits", "--help"])
    assert "Example: canforget sweep-bits" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "sweep-bits" in capsys.readouterr().out
