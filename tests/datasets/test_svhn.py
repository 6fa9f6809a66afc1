from pathlib import Path
from typing import Any

import numpy
import pytest
from scipy.io import savemat

from canforget.datasets.svhn import svhn
from canforget.errors import DataError

X = numpy.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=numpy.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """The published files hold [height, width, channel, image] and number the digit 0 as 10."""
    for part, x, y in (("train", X[:3], [10, 1, 9]), ("test", X[3:], [2, 10])):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": x.transpose(2, 3, 1, 0), "y": numpy.array(y, dtype=numpy.uint8)[:, None]})
    return tmp_path


def test_images_come_upright_and_the_digit_0_is_class_0(folder: Any) -> None:
    """Axes in MATLAB's order transposed as a whole give images lying on their sides."""
    data = svhn(data_dir=folder)
    assert numpy.array_equal(numpy.concatenate(data.pixels()), X)
    assert [data.train.labels.tolist(), data.test.labels.tolist()] == [[0, 1, 9], [2, 0]]


@pytest.mark.parametrize("raw", [b"", b"text" * 100])
def test_a_damaged_file_is_named(folder: Any, raw: Any) -> None:
    (folder / "test_32x32.mat").write_bytes(raw)
    with pytest.raises(DataError, match=r"test_32x32\.mat: not a whole MATLAB file with 'y'"):
        svhn(data_dir=folder)
