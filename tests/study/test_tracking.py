"""Curves and records come out as TensorBoard reads them, and tracking changes no figure."""

from pathlib import Path
from typing import Any

import pytest
import torch

import canforget
from canforget.errors import SpecError
from canforget.report.record import Label, Measured, Record
from canforget.study.tracking import track_records, tracked
from tests.calling import call


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar in the one file of events in a folder, as TensorBoard's own reader finds it."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    (path,) = folder.glob("events.*")
    found: dict[str, list[tuple[int, float]]] = {}
    for event in reader.EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, round(value.tensor.float_val[0], 6)))
    return found


def trained(split: Any, **fit: Any) -> Any:
    return canforget.train("tiny_cnn", split, fit=canforget.Fit(epochs=3, lr=0.01, **fit))


@pytest.mark.filterwarnings("default")
def test_a_tracked_training_has_its_curve_and_the_same_weights(digits_split: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    plain = trained(digits_split, patience=5)
    with tracked(tmp_path, "train x (seed 0)"):
        watched = trained(digits_split, patience=5)
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True))
    found = scalars(tmp_path / "training" / "train_x_seed_0")
    assert {tag: [step for step, _ in points] for tag, points in found.items()} == {
        tag: [1, 2, 3] for tag in ("train/loss", "train/lr", "val/loss")
    }
    losses = [value for _, value in found["train/loss"]]
    assert losses[2] < losses[0] < 5


@pytest.mark.filterwarnings("default")
def test_values_of_records_lie_by_row_and_seed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    records = [
        Record(Label("digits", "m", "s", "scrub", "none", seed), {"test.accuracy": Measured(0.25 * seed), "gap": Measured(not_run="no")})
        for seed in (1, 2)
    ]
    track_records(tmp_path, records)
    assert scalars(tmp_path / "records" / "digits_m_s_scrub_none") == {"test/accuracy": [(1, 0.25), (2, 0.5)]}


def test_without_the_extra_it_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(SpecError, match=r"--track: tensorboard is not installed \(pip install 'canforget\[track\]'\)"):
        track_records(tmp_path, [])


@pytest.mark.filterwarnings("default")
def test_the_commands_track(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, *["train", "--model", "tiny_cnn", "--dataset", "digits", "--fit", "epochs=1", "--track", "one"])[0] == 0
    assert len(scalars(tmp_path / "one" / "training" / "model")["train/loss"]) == 1
    study = "--datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners finetune:fit.epochs=1 --set fit.epochs=1"
    assert call(capsys, "run", *study.split(), "--track", "two")[0] == 0
    assert len(list((tmp_path / "two" / "training").iterdir())) == 3
    assert len(list((tmp_path / "two" / "records").iterdir())) == 3
