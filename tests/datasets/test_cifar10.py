import os
import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.datasets.cifar10 import cifar10
from canforget.errors import DataError

X = numpy.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=numpy.uint8)
Y = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
NAMES = [f"class {i}" for i in range(10)]


@pytest.fixture
def batches(tmp_path: Path) -> Any:
    """Five training batches of two images and a test batch of two, as the published archive holds them."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        content = {"data": X[2 * i : 2 * i + 2].reshape(2, -1), "labels": Y[2 * i : 2 * i + 2]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": NAMES}, protocol=2))
    return folder


def test_the_published_batches_are_read_in_order(tmp_path: Path, batches: Any) -> None:
    """Batches sorted by name or by time would give every id to another image."""
    data = cifar10(data_dir=tmp_path)
    assert numpy.array_equal(numpy.concatenate(data.pixels()), X)
    assert numpy.concatenate([data.train.labels, data.test.labels]).tolist() == Y
    assert (data.classes, data.image_shape) == (tuple(NAMES), (3, 32, 32))


def test_parquet_is_read_as_well(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    for part in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{part}-00000.parquet", [png(x.transpose(1, 2, 0)) for x in X[:10]], Y[:10], NAMES)
    data = cifar10(data_dir=tmp_path)
    assert numpy.array_equal(data.pixels()[0], X[:10])
    assert data.classes == tuple(NAMES)


def test_a_batch_cut_short_is_named(tmp_path: Path, batches: Any) -> None:
    (batches / "data_batch_3").write_bytes((batches / "data_batch_3").read_bytes()[:500])
    with pytest.raises(DataError, match="data_batch_3: not a whole pickle of arrays .*download the data set again"):
        cifar10(data_dir=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("CANFORGET_DATA_DIR" not in os.environ, reason="CANFORGET_DATA_DIR names no directory of data sets")
def test_the_real_data_set_has_its_known_mean_and_sizes() -> None:
    """The means are those that the field normalizes by."""
    data = cifar10(data_dir=Path(os.environ["CANFORGET_DATA_DIR"]))
    train, test = data.pixels()
    assert train.shape == (50_000, 3, 32, 32)
    assert test.shape == (10_000, 3, 32, 32)
    assert train.mean(axis=(0, 2, 3)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)
    assert numpy.bincount(data.train.labels).tolist() == [5_000] * 10
