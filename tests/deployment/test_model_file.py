"""Model files: what goes in comes out bit for bit, and what is no model file of ours is refused in one clear line."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from canforget.data.images import Images, Split
from canforget.deployment import model_file
from canforget.deployment.model_file import describe, hash_tensors, load, save
from canforget.errors import ArtifactError, StoreError
from canforget.network.build import build
from canforget.network.classifier import Classifier
from canforget.quantization.layer import codes
from canforget.quantization.quantized import coverage
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.quantizers.none import none
from canforget.registry import find, names
from canforget.rng import generator
from tests.narrowed import present

FORMATS: dict[str, Any] = {
    **{name: find("quantizers", name).load() for name in names("quantizers")},
    **{f"int{b}": partial(to_int, bits=b) for b in (2, 3, 4, 5, 6, 7)},
    "affine": partial(to_int, symmetric=False, granularity="per_tensor"),
    "weights only": partial(to_int, bits=4, activations=0),
    "e5m2": partial(float8, format="e5m2"),
}


def made(name: str = "resnet20", side: int = 16, **parameters: object) -> Classifier:
    return build(name, 10, (3, side, side), rng=generator(name), mean=(0.4, 0.5, 0.6), std=(0.2,) * 3, parameters=parameters).eval()


@pytest.fixture(scope="module")
def pictures() -> Images:
    return Images.of(torch.randint(0, 256, (16, 3, 16, 16), generator=generator("pictures"), dtype=torch.uint8), torch.zeros(16))


@pytest.mark.parametrize("label", FORMATS)
def test_a_loaded_model_has_bit_identical_logits(label: Any, tmp_path: Path, pictures: Any) -> None:
    """A scale written in another precision, a bias left out, a weight laid out otherwise."""
    model = FORMATS[label](made(width=4), pictures)
    loaded = load(save(model, tmp_path / "m.safetensors"))
    for x in (pictures.x, pictures.x.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(loaded(x), model(x))
    assert hash_tensors(loaded) == hash_tensors(model)
    assert coverage(loaded) == coverage(model)
    assert not any(m.training for m in loaded.modules())
    assert loaded.architecture == model.architecture
    for name, held in codes(model).items():
        assert torch.equal(codes(loaded)[name].codes, held.codes)


def test_eight_bits_take_a_quarter_and_four_an_eighth_of_the_bytes(tmp_path: Path, pictures: Any) -> None:
    """A file that claims eight bits and holds float32."""
    model = made(width=16, depth=2)
    size = {
        bits: save(q(model, pictures), tmp_path / f"{bits}").stat().st_size
        for bits, q in ((32, none), (8, to_int), (4, partial(to_int, bits=4)))
    }
    assert size[8] / size[32] < 0.32
    assert size[4] / size[32] < 0.20


def test_hyperparameters_that_are_tuples_come_back_as_tuples(tmp_path: Path) -> None:
    """JSON knows lists only."""
    model = made("speed_net", 32, widths=(8, 16, 16))
    loaded = load(save(model, tmp_path / "m.safetensors"))
    assert isinstance(loaded, Classifier) and present(loaded.architecture).parameters == {"widths": (8, 16, 16)}


def test_a_file_says_what_it_is_without_its_tensors(tmp_path: Path, pictures: Any) -> None:
    """Listing a folder of models must not read gigabytes."""
    path = save(to_int(made(width=4), pictures), tmp_path / "m.safetensors", origin={"seed": 3}, classes=list("abcdefghij"))
    about = describe(path)
    assert about["origin"] == {"seed": 3}
    assert about["architecture"]["name"] == "resnet20"
    assert about["bytes"] == path.stat().st_size
    assert about["tensors"] > 60
    assert about["quantization"]["layers"]["net.0.0"]["weights"]["bits"] == 8


def test_the_hash_tells_every_bit_apart_and_nothing_else() -> None:
    """Two models that differ in one weight; the same model twice."""
    model, other = made(width=4), made(width=4)
    assert hash_tensors(model) == hash_tensors(other)
    with torch.no_grad():
        other.get_parameter("net.0.0.weight")[0, 0, 0, 0] += 1e-6
    assert hash_tensors(model) != hash_tensors(other)


def test_a_users_own_module_is_loaded_into_one_like_it(small_model: Classifier, digits_split: Split, tmp_path: Path) -> None:
    """A file cannot hold code; who wrote the code passes a module."""
    for model in (small_model, to_int(small_model, digits_split.calibration)):
        path = save(model, tmp_path / "m.safetensors")
        assert torch.equal(load(path, into=small_model)(digits_split.test.x), model(digits_split.test.x))
    with pytest.raises(ArtifactError, match=r"only its author can build"):
        load(path)


def test_another_architecture_than_the_one_named_is_refused(tmp_path: Path) -> None:
    """The message names both, and the flag."""
    path = save(made(width=4), tmp_path / "cat.safetensors")
    with pytest.raises(ArtifactError, match=r"cat\.safetensors: \d+ tensors for resnet20, but resnet18 was named; pass --model resnet20"):
        load(path, expected="resnet18")
    assert load(path, expected="resnet20") is not None


def test_files_that_are_no_models_are_refused_in_words(tmp_path: Path) -> None:
    """Missing, empty, truncated, text, a pickle, somebody else's safetensors, one from the future."""
    path = tmp_path / "m.safetensors"
    with pytest.raises(ArtifactError, match="no such file"):
        load(path)
    whole = save(made(width=4), path).read_bytes()
    for content, says in (
        (b"", "empty"),
        (whole[: len(whole) // 2], "not a whole safetensors"),
        (whole[:6], "not a whole"),
        (b"hello world", "not a whole"),
    ):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=says):
            load(path)
    torch.save({"a": torch.ones(1)}, path)
    with pytest.raises(ArtifactError, match=r"a pickle.*load_pickle"):
        load(path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ArtifactError, match=r"not one of canforget's; load_weights"):
        load(path)
    save_file({"a": torch.ones(1)}, path, {"canforget": json.dumps({"version": 99})})
    with pytest.raises(ArtifactError, match="upgrade canforget"):
        load(path)


def test_a_full_disk_leaves_the_former_file_and_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was there stays; no stray file lies beside it."""
    path = save(made(width=4), tmp_path / "m.safetensors")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"m\.safetensors: cannot be written: No space left on device"):
        save(made(width=8), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_what_is_said_about_a_model_must_be_json_and_not_ours(tmp_path: Path) -> None:
    """A name of ours would overwrite the architecture."""
    with pytest.raises(ArtifactError, match="plain JSON"):
        save(made(width=4), tmp_path / "m", origin=Path())
    with pytest.raises(ArtifactError, match="'architecture' is written by save"):
        save(made(width=4), tmp_path / "m", architecture=1)


def test_pretrained_nets_are_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a file must work without a network."""
    model = made(width=4)
    asked = {}
    monkeypatch.setattr(
        model_file,
        "build",
        lambda name, *shape, parameters, **rest: asked.update(parameters) or build("resnet20", *shape, parameters={"width": 4}, **rest),
    )
    object.__setattr__(model.architecture, "parameters", {"pretrained": True})
    loaded = load(save(model, tmp_path / "m.safetensors"))
    assert asked == {"pretrained": False}
    assert isinstance(loaded, Classifier) and present(loaded.architecture).parameters == {"pretrained": True}


def test_channels_last_weights_stay_so(tmp_path: Path, pictures: Any) -> None:
    """Another layout may take another kernel, and the last bits with it."""
    model = made(width=8).to(memory_format=torch.channels_last)
    loaded = load(save(model, tmp_path / "m.safetensors"))
    conv = next(m for m in loaded.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3))
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(loaded(pictures.x), model(pictures.x))
