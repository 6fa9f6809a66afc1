"""From a checkpoint, a folder of images and a list of file names to a judged model, by the command line."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from canforget.deployment import model_file
from canforget.network.build import build
from canforget.rng import generator
from tests.calling import call


@pytest.fixture
def adopted(tmp_path: Path, png: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder of two people, a request, and a checkpoint made elsewhere, adopted as a model file."""
    monkeypatch.chdir(tmp_path)
    pixels = numpy.random.default_rng(0).integers(0, 100, (40, 16, 16), dtype=numpy.uint8)
    for i, x in enumerate(pixels):
        file = tmp_path / f"pets/{'train' if i < 30 else 'test'}/{'ab'[i % 2]}/{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(x + 100 * (i % 2)))
    (tmp_path / "request.txt").write_text("a/0.png\n2.png\nb/3.png\n")
    net = build("tiny_cnn", 2, (1, 16, 16), rng=generator("net"), mean=(0.5,), std=(0.2,))
    torch.save(net.net.state_dict(), tmp_path / "net.pth")
    made = call(capsys, "adopt", "net.pth", "--pickle", "--model", "tiny_cnn", "--dataset", "image_folder:folder=pets,size=16", "--data-dir", ".",
                "--mean", "0.5", "--std", "0.2", "--out", "original.safetensors", "--json")  # fmt: skip
    assert made[0] == 0, made[2]
    return tmp_path


def test_one_mean_stands_for_all_channels_and_two_for_three_are_refused(adopted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of the way of a .pth ended in an error for whoever has color images."""
    net = build("tiny_cnn", 2, (3, 16, 16), rng=generator("net"), mean=(0.5,) * 3, std=(0.2,) * 3)
    torch.save(net.net.state_dict(), adopted / "color.pth")
    made = (
        "adopt",
        "color.pth",
        "--pickle",
        "--model",
        "tiny_cnn",
        "--dataset",
        "image_folder:folder=pets,size=16,channels=3",
        "--data-dir",
        ".",
    )
    assert call(capsys, *made, "--mean", "0.5", "--std", "0.2", "--out", "color.safetensors")[0] == 0
    assert model_file.describe(adopted / "color.safetensors")["architecture"]["mean"] == [0.5, 0.5, 0.5]
    code, _, err = call(capsys, *made, "--mean", "0.5,0.4", "--std", "0.2", "--out", "two.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "has 3 channels; give one number for all, or 3" in err


def unlearned(capsys: pytest.CaptureFixture[str], *more: Any) -> Any:
    return call(capsys, "unlearn", "original.safetensors", "--unlearner", "gradient_ascent", "--scenario", "ids:file=request.txt", "--data-dir", ".",
                "--out", "unlearned.safetensors", *more)  # fmt: skip


def test_every_training_image_of_an_adopted_model_can_be_asked_to_be_forgotten(adopted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A checkpoint from elsewhere was trained on all of them: a validation part drawn here would be refused, or counted as unseen."""
    (adopted / "request.txt").write_text("\n".join(f"a/{i}.png" for i in range(0, 28, 2)))
    code, out, err = unlearned(capsys, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["val_fraction"] == 0
    code, out, err = call(
        capsys, "quantize", "unlearned.safetensors", "--quantizer", "int", "--data-dir", ".", "--out", "int8.safetensors", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["calibrated_on"] == 30 - 14
    code, out, err = call(capsys, "evaluate", "int8.safetensors", "--original", "original.safetensors", "--data-dir", ".", "--json")
    assert (code, err) == (0, "")
    values = json.loads(out)["values"]
    assert values["forget.accuracy"]["n"] == 14
    assert values["val.accuracy"]["not_run"] != ""


@pytest.mark.parametrize(
    "command", [["evaluate"], ["quantize", "--quantizer", "int", "--out", "int8.safetensors"], ["sweep-bits", "--bits", "8"]]
)
def test_a_request_that_changed_since_is_not_taken_for_what_the_model_forgot(
    adopted: Any, capsys: pytest.CaptureFixture[str], command: Any
) -> None:
    """The model file names the request's path; another list under the same path would be judged, and calibrated on what was forgotten."""
    assert unlearned(capsys)[0] == 0
    (adopted / "request.txt").write_text("a/0.png\n")
    code, _, err = call(capsys, command[0], "unlearned.safetensors", *command[1:], "--data-dir", ".")
    assert code == 2
    assert err == (
        "canforget: unlearned.safetensors: ids:file=request.txt lists other images than this model forgot; "
        "pass --scenario with the request it was made for\n"
    )
    assert call(capsys, command[0], "unlearned.safetensors", *command[1:], "--data-dir", ".", "--scenario", "ids:file=request.txt")[0] == 0


def test_unlearning_splits_the_data_as_the_training_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another seed's validation part was trained on, and its training part holds images that never were."""
    monkeypatch.chdir(tmp_path)
    made = [
        "--dataset",
        "digits",
        "--model",
        "tiny_cnn",
        "--fit",
        "epochs=1",
        "--split-seed",
        "5",
        "--val-fraction",
        "0.2",
        "--out",
        "o.safetensors",
    ]
    assert call(capsys, "train", *made)[0] == 0
    code, out, _ = call(capsys, "unlearn", "o.safetensors", "--unlearner", "gradient_ascent", "--scenario", "whole_class:classes=3", "--out",
                        "u.safetensors", "--json")  # fmt: skip
    about = json.loads(out)
    assert (code, about["split_seed"], about["val_fraction"]) == (0, 5, 0.2)


def test_patience_without_validation_images_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The loss of no images is no reason to stop."""
    code, _, err = call(capsys, "train", "--model", "tiny_cnn", "--dataset", "digits", "--fit", "patience=2", "--val-fraction", "0")
    assert code == 2
    assert "--fit patience: training stops by the loss on validation images, and --val-fraction 0 holds none" in err


def test_an_adopted_model_that_answers_by_chance_is_told_so(adopted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Classes in another order, or pixels scaled otherwise than in training, give a model that loads well and knows nothing."""
    made = [
        "adopt",
        "net.pth",
        "--pickle",
        "--model",
        "tiny_cnn",
        "--dataset",
        "image_folder:folder=pets,size=16",
        "--data-dir",
        ".",
        "--json",
    ]
    code, out, err = call(capsys, *made, "--mean", "0.5", "--std", "0.2", "--out", "again.safetensors")
    assert code == 0
    assert 0 <= json.loads(out)["test_accuracy"] <= 1
    assert err.startswith("net.pth: right on ") and "check --mean, --std and the order of classes" in err


def test_adopting_says_that_test_images_cut_off_may_have_been_trained_on(adopted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Only who trained the checkpoint knows; with train/ and test/ laid out there is nothing to ask."""
    said = {}
    for folder in ("pets", "pets/train"):
        dataset = f"image_folder:folder={folder},size=16"
        code, _, said[folder] = call(capsys, "adopt", "net.pth", "--pickle", "--model", "tiny_cnn", "--dataset", dataset, "--data-dir", ".",
                                     "--mean", "0.5", "--std", "0.2", "--out", "again.safetensors")  # fmt: skip
        assert code == 0
    assert "6 were cut off and count as unseen; if net.pth was trained on them" in said["pets/train"]
    assert "cut off" not in said["pets"]
    (adopted / "request.txt").write_text("\n".join(str(i) for i in range(30)))
    code, _, err = call(
        capsys, "unlearn", "again.safetensors", "--unlearner", "finetune", "--scenario", "ids:file=request.txt", "--data-dir", "."
    )
    assert code == 2
    assert "6 of the images" in err and "was the model trained on them, lay the images out in train/ and test/" in err


def test_a_quantized_model_file_is_exported_as_onnx(adopted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person deploys is a graph; none could be had from the command line."""
    pytest.importorskip("onnxruntime")
    assert unlearned(capsys)[0] == 0
    assert call(capsys, "quantize", "unlearned.safetensors", "--quantizer", "int", "--data-dir", ".", "--out", "int8.safetensors")[0] == 0
    code, out, err = call(capsys, "export", "int8.safetensors", "--out", "int8.onnx", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["bytes"] == (adopted / "int8.onnx").stat().st_size
    assert call(capsys, "export", "int8.safetensors", "--out", "int8.pb") == (
        2, "", "canforget: int8.pb: models are written as .onnx; name the file so\n",
    )  # fmt: skip


def test_a_model_file_is_probed_beside_the_others(adopted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What outputs hide is asked of the live model, in its format, from the command line too."""
    assert unlearned(capsys)[0] == 0
    made = "evaluate", "unlearned.safetensors", "--data-dir", ".", "--probes", "weight_noise:draws=1,sizes=0.1,images=4"
    code, out, err = call(capsys, *made, "interpolation:pieces=2,images=4", "--original", "original.safetensors", "--json")
    assert code == 0, err
    values = json.loads(out)["values"]
    assert code == 0
    assert values["weight_noise.forget.margin_at_0.1"]["n"] == values["interpolation.forget.margin_at_1"]["n"] == 3
    assert "add seeds" in values["weight_noise.forget.margin_at_0.1_excess"]["not_run"]
    code, _, err = call(capsys, *made, "interpolation")
    assert (code, err.count("\n")) == (2, 1)
    assert "interpolation needs the original model; pass original=... (on the command line --original)" in err
    assert call(capsys, *made[:-1], "relearnin")[2].endswith("did you mean 'relearning'? (canforget list probes)\n")
