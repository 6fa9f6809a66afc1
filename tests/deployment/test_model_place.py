"""A model is found by its file, its folder or its name in a store; what is ambiguous is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

import canforget
from canforget.data.images import Split
from canforget.deployment.model_file import load, save
from canforget.deployment.model_place import model_at
from canforget.errors import ArtifactError
from canforget.network.build import build
from canforget.quantizers.int import int as to_int
from canforget.rng import generator
from canforget.study.store import Store


@pytest.fixture
def tiny() -> Any:
    return build("tiny_cnn", 10, (1, 8, 8), rng=generator("m"), mean=(0.5,), std=(0.2,)).eval()


def test_a_folder_with_one_model_is_that_model(tiny: Any, tmp_path: Path, digits_split: Split) -> None:
    save(tiny, tmp_path / "m.safetensors")
    (tmp_path / "notes.txt").write_text("x")
    x = digits_split.test.x[:5]
    assert torch.equal(canforget.load(tmp_path)(x), tiny(x))
    save(tiny, tmp_path / "n.safetensors")
    with pytest.raises(ArtifactError, match="holds 2 models; name one"):
        load(tmp_path)


def test_a_step_of_a_store_is_found_by_the_first_digits_of_its_key(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "canforget-store")
    keys = ["abcdef01" + "0" * 56, "abcdef02" + "0" * 56]
    for key in keys:
        store.put("train", key, lambda folder: [save(tiny, folder / "model.safetensors")].clear(), {})
    assert model_at(tmp_path / "canforget-store" / "train" / "abcdef01") == store.folder("train", keys[0]) / "model.safetensors"
    with pytest.raises(ArtifactError, match="2 keys of .* begin so; give more digits"):
        model_at(tmp_path / "canforget-store" / "train" / "abcdef")
    monkeypatch.chdir(tmp_path)
    assert model_at(Path("train") / keys[1]).is_file()
    with pytest.raises(ArtifactError, match="no such file"):
        load(Path("train") / "123456")


def test_a_quantized_model_loaded_in_python_knows_its_format(small_model: Any, digits_split: Split, tmp_path: Path) -> None:
    """Only the command line knew it; in Python `evaluate` asked for it."""
    int4 = canforget.quantize(small_model, digits_split, "int:bits=4")
    save(int4, tmp_path / "int4.safetensors")
    loaded = load(tmp_path / "int4.safetensors", into=small_model)
    assert loaded.format == int4.format == "int:bits=4"
    found = canforget.evaluate(loaded, digits_split, original=small_model, metrics=["average_gap"], audits=[])
    assert found.references == "in int:bits=4"
    by_hand = to_int(small_model, digits_split.calibration, bits=4)
    save(by_hand, tmp_path / "said.safetensors", origin={"quantizer": "int:bits=4"})
    assert load(tmp_path / "said.safetensors", into=small_model).format == "int:bits=4"
    save(by_hand, tmp_path / "untold.safetensors")
    assert load(tmp_path / "untold.safetensors", into=small_model).format == ""
