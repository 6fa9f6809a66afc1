"""Handwritten digits, 1,797 grey images of 8 x 8 pixels that scikit-learn carries: the embedded default, with nothing to download."""

import gzip
import importlib.util
from pathlib import Path

import numpy
from numpy.typing import NDArray

from canforget.data.cache import content, json_digest
from canforget.data.dataset import DataSet, Pixels, tables_of
from canforget.data.stratify import fixed_part
from canforget.errors import DataError
from canforget.registry import component

TEST_FRACTION = 0.2


@component(version=1, paper="Alpaydin & Kaynak 1998, https://doi.org/10.24432/C50P49")
def digits(*, data_dir: Path | None = None) -> DataSet:
    """The digits 0 to 9: 1,438 images to train on and 359 to test on; `data_dir` is not needed.

    A gray value v of 0..16 becomes round(255 v / 16), halves rounded up, which is exact in integers. The test part is stratified and
    always the same; ids are places in the training part and, after it, the test part, both in scikit-learn's order.

    >>> len(digits().train), len(digits().test), digits().image_shape
    (1438, 359, (1, 8, 8))
    """
    file = digits_file()
    table = numpy.array([row.split(b",") for row in gzip.decompress(file.read_bytes()).split()]).astype(numpy.int64)
    labels = table[:, -1]
    is_test = fixed_part(labels, [str(i) for i in range(len(labels))], TEST_FRACTION)

    def pixels() -> tuple[Pixels, Pixels]:
        x = full_range(table[:, :-1]).reshape(-1, 1, 8, 8)
        return x[~is_test], x[is_test]

    tables = tables_of(labels[~is_test], labels[is_test])
    fingerprint = json_digest("digits", content({"digits": file}), TEST_FRACTION)
    return DataSet("digits", *tables, tuple("0123456789"), (1, 8, 8), fingerprint, pixels, test_is_cut=True)


def full_range(values: NDArray[numpy.int64]) -> Pixels:
    """Gray values 0..16 as uint8 0..255.

    >>> full_range(numpy.array([0, 1, 8, 16])).tolist()
    [0, 16, 128, 255]
    """
    return ((values * 255 + 8) // 16).astype(numpy.uint8)


def digits_file() -> Path:
    """scikit-learn's file of the digits, found without importing scikit-learn (which takes seconds)."""
    spec = importlib.util.find_spec("sklearn")
    file = Path(spec.origin or "").parent / "datasets/data/digits.csv.gz" if spec else Path()
    if not file.is_file():
        raise DataError("digits: scikit-learn, which carries them, is not installed; pip install scikit-learn")
    return file
