"""Pixels that stay on the disk: everything that is computed of them is, to the last bit, what it is of pixels in memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from sklearn.datasets import load_digits

from canforget import pipeline
from canforget.data import images as rules
from canforget.data.images import Images, Split, images_of
from canforget.data.pixel_rows import PixelRows
from canforget.datasets.image_folder import image_folder
from canforget.errors import DataError
from canforget.fit_settings import Fit
from canforget.network.classifier import channel_statistics
from canforget.network.predict import predict
from canforget.registry import names
from canforget.rng import generator
from canforget.spec import canonical
from canforget.study.definition import Study
from canforget.study.execute import pixels_of
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.store import Store
from canforget.training.augment import Augmenter


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of each test's own, and no images of another's."""
    monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path / "cache"))
    pixels_of.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, png: Any) -> Path:
    """The digits 0 to 2 as a folder of PNG files: 54 images a class."""
    digits = load_digits()
    for label in range(3):
        (tmp_path / "pets" / str(label)).mkdir(parents=True)
        for i, image in enumerate(digits.images[digits.target == label][:54]):
            (tmp_path / "pets" / str(label) / f"{i:02}.png").write_bytes(png((image * 15.9375).astype(numpy.uint8)))
    return tmp_path


def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves no memory for pixels."""
    monkeypatch.setattr(rules, "MEMORY_SHARE", 2**60)
    pixels_of.cache_clear()


def both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Images, Images]:
    """All images of the folder in memory, and on the disk."""
    data = image_folder(data_dir=folder, folder="pets", size=8)
    in_memory = images_of(data)
    on_disk(monkeypatch)
    left = images_of(data)
    assert isinstance(left.x, PixelRows) and not isinstance(in_memory.x, PixelRows)
    return in_memory, left


@pytest.mark.parametrize("fit", [{}, {"crop": 2}, {"flip": True, "cutout": 3}, {"crop": 1, "flip": "alternating"}], ids=str)
def test_a_batch_is_augmented_as_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch, fit: Any) -> None:
    """In memory a set is padded once and kept; on the disk each batch is padded for itself."""
    chosen = torch.randperm(120)[:32]
    one, other = (Augmenter(Fit(**fit), generator("a")).batch(images.x, chosen, 1) for images in both(folder, monkeypatch))
    assert torch.equal(one, other) and one.stride() == other.stride()


def test_training_and_prediction_are_bit_identical(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalization, order, augmentation, early stopping on val: none may depend on where the pixels lie."""
    trained = []
    for images in both(folder, monkeypatch):
        fit = Fit(epochs=3, batch_size=16, lr=0.1, crop=1, flip=True, average=0.5, patience=2)
        model = pipeline.train("tiny_cnn", images[torch.arange(100)], fit=fit, val=images[100:130])
        trained.append((model.state_dict(), predict(model, images, features=True, batch_size=50), channel_statistics(images)))
    (one, told, statistics), (other, retold, again) = trained
    assert statistics == again
    assert all(torch.equal(one[name], other[name]) for name in one)
    for field in ("logits", "labels", "ids", "features"):
        assert numpy.array_equal(getattr(told, field), getattr(retold, field)), field


STUDY = {
    "datasets": "image_folder:folder=pets,size=8",
    "models": "tiny_cnn",
    "scenarios": "random_samples:fraction=0.2",
    "fit": {"epochs": 2, "batch_size": 32},
    "quantizers": ["none", "int:bits=4"],
    "unlearners": ["amnesiac:fit.epochs=1", "bad_teacher:fit.epochs=1", "scrub:fit.epochs=1"],
}


def found_in(folder: Path, store: str, **changed: Any) -> Any:
    """What a study on the folder finds, by case."""
    records = run(plan(Study.of(**{**STUDY, **changed}), folder), Store(folder / store), data_dir=folder)
    return {str(r.case): (r.not_run, r.values, r.curves, r.images_read) for r in records}


def test_a_study_finds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = found_in(folder, "one")
    on_disk(monkeypatch)
    assert found_in(folder, "other") == in_memory
    assert len(in_memory) == 10 and not any(not_run for not_run, *_ in in_memory.values())
    assert isinstance(pixels_of(canonical(Study.of(**STUDY).datasets[0].to_json()), folder, "cpu")[1].x, PixelRows)


def test_images_that_change_between_plan_and_training_are_a_line(folder: Path, png: Any) -> None:
    """A worker that starts later decoded the changed folder, and trained on it under the key of the images before."""
    found_in(folder, "store", unlearners=["nothing"])
    drawn = plan(Study.of(**{**STUDY, "unlearners": ["finetune"]}), folder)
    (folder / "pets/1/07.png").write_bytes(png(numpy.zeros((8, 8), numpy.uint8)))
    pixels_of.cache_clear()
    records = run(drawn, Store(folder / "store"), data_dir=folder)
    reasons = {r.not_run for r in records if r.case.unlearner.startswith("finetune")}
    assert reasons and all("the images changed since this was planned; run it again" in reason for reason in reasons)


def test_images_that_change_while_they_are_decoded_are_a_line(folder: Path, png: Any) -> None:
    """Hours may lie between the hash of an image and its turn."""
    data = image_folder(data_dir=folder, folder="pets", size=8)
    (folder / "pets/1/07.png").write_bytes(png(numpy.zeros((8, 8), numpy.uint8)))
    with pytest.raises(DataError, match="pets: an image changed while the images were decoded; run it again"):
        data.pixels()


UNLEARNERS = [name for name in names("unlearners") if name not in {"destroyed", "nothing"}]


@pytest.mark.slow
@pytest.mark.parametrize("name", UNLEARNERS)
def test_every_unlearner_does_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One that is written for tensors in memory must not notice either."""
    in_memory, left = both(folder, monkeypatch)
    whole = left.y == 2
    order = torch.cat([torch.nonzero(whole).flatten(), torch.nonzero(~whole).flatten()[torch.randperm(108, generator=generator("split"))]])
    places = {"forget": order[:54], "retain": order[54:130], "val": order[130:140], "held_out": order[:0], "test": order[140:], "test_forget": order[140:140], "test_retain": order[140:], "calibration": order[60:80]}  # fmt: skip
    model, found = pipeline.train("tiny_cnn", in_memory, fit=Fit(epochs=2, batch_size=16)), []
    for images in (in_memory, left):
        sets: dict[str, Any] = {part: images[chosen] for part, chosen in places.items()}
        split = Split(**sets, classes=("0", "1", "2"))
        found.append(pipeline.unlearn(model, split, name).state_dict())
    assert all(torch.equal(found[0][weight], found[1][weight]) for weight in found[0])


@pytest.mark.slow
def test_a_folder_four_times_larger_than_the_limit_is_trained_on_under_it(tmp_path: Path) -> None:
    """A part of the benchmark: killed while it decodes, gone on with, trained and predicted under a limit that the kernel holds.

    As many bytes in memory are refused, so that the limit is one.
    """
    program = Path(__file__).parents[1] / "benchmarks" / "large_data.py"
    command = [sys.executable, str(program), "--noise", "--limit", "256", "--times", "0", "--scratch", str(tmp_path)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["decoded_mib"] >= 4 * 256
    assert found["killed"]["exit"] == -9
    assert "going on after" in found["limited"]["said"][0]
    assert found["limited"].get("left_on_disk"), found["limited"]
    assert max(found["limited"][f"{name}_peak_mib"] for name in ("decode", "split", "train", "predict")) < 256
    assert found["control_in_memory"]["exit"] == 1 and "emory" in found["control_in_memory"]["said"][-1]
