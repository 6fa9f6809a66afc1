import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.datasets.cifar100 import cifar100

X = numpy.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=numpy.uint8)
FINE, COARSE = ["apple", "bear", "cup"], ["fruit", "animal"]


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    """Three training images and one test image, as the published archive holds them."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, rows, fine, coarse in (("train", X[:3], [0, 1, 2], [0, 1, 0]), ("test", X[3:], [2], [0])):
        content = {"data": rows.reshape(len(rows), -1), "fine_labels": fine, "coarse_labels": coarse}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": FINE, "coarse_label_names": COARSE}, protocol=2))
    return tmp_path


@pytest.mark.parametrize(("labels", "names", "numbers"), [("fine", FINE, [0, 1, 2]), ("coarse", COARSE, [0, 1, 0])])
def test_fine_and_coarse_labels_go_with_their_names(archive: Any, labels: Any, names: Any, numbers: Any) -> None:
    """Coarse numbers under fine names forget the wrong class."""
    data = cifar100(data_dir=archive, labels=labels)
    assert data.classes == tuple(names)
    assert data.train.labels.tolist() == numbers
    assert numpy.array_equal(numpy.concatenate(data.pixels()), X)


def test_fine_and_coarse_have_fingerprints_of_their_own(archive: Any) -> None:
    """The images are the same, and the files: only the labels differ."""
    assert cifar100(data_dir=archive).fingerprint != cifar100(data_dir=archive, labels="coarse").fingerprint


@pytest.mark.parametrize(("labels", "column"), [("fine", "label"), ("fine", "fine_label"), ("coarse", "coarse_label")])
def test_parquet_names_its_columns_in_several_ways(tmp_path: Path, write_parquet: Any, png: Any, labels: Any, column: Any) -> None:
    for part in ("train", "test"):
        write_parquet(tmp_path / f"cifar100/{part}-0.parquet", [png(x.transpose(1, 2, 0)) for x in X], [0, 1, 1, 0], COARSE, label=column)
    data = cifar100(data_dir=tmp_path, labels=labels)
    assert data.train.labels.tolist() == [0, 1, 1, 0]
    assert data.classes == tuple(COARSE)
