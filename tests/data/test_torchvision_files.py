import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from canforget.data.parquet_files import Layout
from canforget.data.torchvision_files import Files, well_known
from canforget.errors import DataError

X = numpy.random.default_rng(0).integers(0, 256, (5, 1, 2, 3), dtype=numpy.uint8)


def raw_files(**changed: Any) -> Any:
    """A data set of one file of labels and pixels a part."""
    plain: dict[str, Any] = {
        "train": ("own/train.npy",),
        "test": ("own/test.npy",),
        "others": ("own/meta",),
        "image_shape": (1, 2, 3),
        "names": lambda folder: ("cat", "dog"),
        "labels": lambda paths: numpy.load(paths[0])[:, 0, 0, 0].astype(numpy.int64) % 2,
        "pixels": lambda paths: numpy.load(paths[0]),
        "download": lambda folder: put(folder),
    }
    return Files(**(plain | changed))


def put(folder: Any) -> None:
    (folder / "own").mkdir(parents=True)
    numpy.save(folder / "own/train.npy", X[:3])
    numpy.save(folder / "own/test.npy", X[3:])
    (folder / "own/meta").write_text("names")


@pytest.mark.parametrize("place", [".", "toy"])
def test_own_files_are_found_in_the_data_directory_and_in_a_folder_of_the_name(tmp_path: Path, place: Any) -> None:
    """torchvision puts some data sets straight into its root, where others lie too."""
    put(tmp_path / place)
    data = well_known("toy", tmp_path, raw_files(), Layout(), download=False)
    assert numpy.array_equal(numpy.concatenate(data.pixels()), X)
    assert data.train.labels.tolist() == (X[:3, 0, 0, 0] % 2).tolist()
    assert data.test.ids.tolist() == [3, 4]


def test_parquet_goes_before_own_files(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    put(tmp_path)
    for part in ("train", "test"):
        write_parquet(tmp_path / f"toy/{part}-0.parquet", [png(X[0, 0])], [0], ["owl"])
    assert well_known("toy", tmp_path, raw_files(), Layout(), download=False).classes == ("owl",)
    assert well_known("toy", tmp_path, raw_files(), None, download=False).classes == ("cat", "dog")
    (tmp_path / "toy/test-0.parquet").unlink()
    with pytest.raises(DataError, match=r"train-\*\.parquet and no test-\*\.parquet"):
        well_known("toy", tmp_path, raw_files(), Layout(), download=False)


def test_a_data_set_that_is_not_there_is_one_line_that_says_where_it_was_looked_for_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        well_known("toy", tmp_path, raw_files(), Layout(), download=False)
    line = f"toy: not in {tmp_path / 'toy'} (looked for train-*.parquet, own/train.npy); put it there, or pass download=true"
    assert str(caught.value) == line


def test_download_fetches_what_is_missing_and_only_that(tmp_path: Path) -> None:
    """A download that starts anew each time a study is planned is an hour of waiting."""
    calls = []

    def download(folder: Any) -> None:
        calls.append(folder)
        put(folder)

    files = raw_files(download=download)
    for _ in range(2):
        assert len(well_known("toy", tmp_path, files, Layout(), download=True).train) == 3
    assert calls == [tmp_path / "toy"]


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (ImportError(), r"pip install 'canforget\[vision\]'"),
        (OSError("no route"), "download to .* failed: no route"),
        (RuntimeError("hash"), "hash"),
    ],
)
def test_a_download_that_fails_is_one_line(tmp_path: Path, problem: Any, message: Any) -> None:
    """Offline machines are the rule on clusters."""

    def fail(folder: Any) -> None:
        raise problem

    with pytest.raises(DataError, match=message):
        well_known("toy", tmp_path, raw_files(download=fail), Layout(), download=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": lambda paths: numpy.array([0, 2, 0])}, "train row 1: label 2 is out of range 0 to 1"),
        ({"others": ("own/gone",)}, "gone is missing; download the data set again"),
    ],
)
def test_files_that_contradict_one_another_are_named(tmp_path: Path, changed: Any, message: Any) -> None:
    put(tmp_path)
    with pytest.raises(DataError, match=message):
        well_known("toy", tmp_path, raw_files(**changed), None, download=False)


def test_pixels_of_another_shape_or_number_than_the_labels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels would go to the wrong images."""
    monkeypatch.setenv("CANFORGET_CACHE_DIR", str(tmp_path / "cache"))
    put(tmp_path)
    data = well_known("toy", tmp_path, raw_files(pixels=lambda paths: numpy.load(paths[0])[:1], others=()), None, download=False)
    with pytest.raises(DataError, match=r"pixels of shape \[1, 1, 2, 3\] for 3 labels"):
        data.pixels()


def test_the_fingerprint_follows_the_files_and_not_their_place(tmp_path: Path) -> None:
    put(tmp_path / "a")
    put(tmp_path / "b/toy")
    one, two = (well_known("toy", tmp_path / p, raw_files(), None, download=False) for p in "ab")
    assert one.fingerprint == two.fingerprint
    numpy.save(tmp_path / "b/toy/own/test.npy", X[2:4])
    assert well_known("toy", tmp_path / "b", raw_files(), None, download=False).fingerprint != one.fingerprint


@pytest.mark.parametrize(
    ("member", "kind", "calls"),
    [
        ("cifar10", "CIFAR10", [{"download": True}]),
        ("cifar100", "CIFAR100", [{"download": True}]),
        ("fashion_mnist", "FashionMNIST", [{"download": True}]),
        ("svhn", "SVHN", [{"split": "train", "download": True}, {"split": "test", "download": True}]),
    ],
)
def test_each_member_asks_torchvision_for_its_own_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: Any, kind: Any, calls: Any
) -> None:
    """No network here: torchvision is stood in for, and downloads nothing."""
    from canforget.registry import find

    asked = []
    stand_in = SimpleNamespace(**{kind: lambda root, **how: asked.append((root, how))})
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=stand_in))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", stand_in)
    with pytest.raises(DataError, match=f"{member}: not in .*pass download=true"):
        find("datasets", member).load()(data_dir=tmp_path, download=True)
    assert asked == [(tmp_path / member, how) for how in calls]
