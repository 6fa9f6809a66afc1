from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.datasets.parquet import parquet
from canforget.errors import DataError

X = numpy.random.default_rng(0).integers(0, 256, (4, 6, 6), dtype=numpy.uint8)


@pytest.fixture
def folder(tmp_path: Path, write_parquet: Any, png: Any) -> Any:
    for name in ("train-0", "train-1", "test-0"):
        write_parquet(tmp_path / f"faces/{name}.parquet", [png(x) for x in X], [0, 1, 0, 1], ["ann", "bob"], image="photo", label="person")
    return tmp_path


def test_folder_patterns_and_columns_are_the_users(folder: Any) -> None:
    data = parquet(data_dir=folder, folder="faces", image="photo", label="person")
    assert (len(data.train), len(data.test), data.classes) == (8, 4, ("ann", "bob"))
    assert numpy.array_equal(data.pixels()[1][:, 0], X)
    assert len(parquet(data_dir=folder / "faces", train_files="train-1.parquet", image="photo", label="person").train) == 4


def test_size_and_channels_are_the_users(folder: Any) -> None:
    data = parquet(data_dir=folder, folder="faces", image="photo", label="person", size=3, channels=3)
    assert data.image_shape == (3, 3, 3)
    assert data.pixels()[0].shape == (8, 3, 3, 3)


def test_patterns_that_match_nothing_or_the_same_file_are_refused(folder: Any) -> None:
    """The same file to train and to test on gives a perfect score."""
    with pytest.raises(DataError, match=r"parquet: no file .*train-\*\.parquet; pass another folder="):
        parquet(data_dir=folder)
    with pytest.raises(DataError, match="matches train_files and test_files"):
        parquet(data_dir=folder, folder="faces", train_files="*.parquet")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folder": "faces/train-0.parquet"}, "folder=faces/train-0.parquet is a file; pass its folder, and train_files=train-0.parquet"),
        (
            {"folder": "faces", "train_files": "data-*"},
            "train_files=test-0.parquet (there are test-0.parquet, train-0.parquet, train-1.parquet",
        ),
        ({"folder": "faces", "train_files": ""}, "'' is no pattern of files"),
        ({"folder": "faces", "train_files": "/etc/*.parquet"}, "'/etc/*.parquet' is no pattern of files"),
        ({"folder": "faces", "classes": ("ann", "ann")}, "parquet: classes: two classes are called 'ann'"),
    ],
)
def test_files_and_classes_that_cannot_be_are_one_line_with_the_way_out(folder: Any, arguments: Any, message: Any) -> None:
    with pytest.raises(DataError) as caught:
        parquet(data_dir=folder, image="photo", label="person", **arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_classes_are_the_users_and_hidden_files_are_left_out(folder: Any) -> None:
    """What a Mac leaves beside a file matches the same pattern."""
    (folder / "faces/._train-9.parquet").write_bytes(b"")
    data = parquet(data_dir=folder, folder="faces", image="photo", label="person", train_files="*train-*.parquet", classes=("a", "b"))
    assert (len(data.train), data.classes) == (8, ("a", "b"))
