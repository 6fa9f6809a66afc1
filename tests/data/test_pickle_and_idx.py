import pickle
import struct
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.data.pickle_and_idx import read_idx, read_pickle
from canforget.errors import DataError


def as_python_2(content: Any) -> Any:
    """The pickle of protocol 2 that names numpy's modules as they were called when CIFAR was published."""
    return pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_arrays_lists_and_words_come_back(tmp_path: Path) -> None:
    """Pickles of old give flags as numbers and modules by old names, of which numpy warns."""
    rows = numpy.arange(12, dtype=numpy.uint8).reshape(2, 6)
    (tmp_path / "batch").write_bytes(as_python_2({"data": rows, "labels": [3, 1], "names": ["cat"]}))
    found = read_pickle(tmp_path / "batch")
    assert numpy.array_equal(found["data"], rows)
    assert (found["labels"], found["names"]) == ([3, 1], ["cat"])


class Harmful:
    def __reduce__(self) -> Any:
        return (eval, ("1/0",))


@pytest.mark.parametrize(
    "raw",
    [pickle.dumps({"data": Harmful()}), as_python_2({"data": numpy.zeros(9)})[:-20], b"", b"text", pickle.dumps([1])],
    ids=["code", "cut short", "empty", "no pickle", "no dictionary"],
)
def test_a_pickle_that_runs_code_or_is_damaged_is_refused(tmp_path: Path, raw: Any) -> None:
    """`pickle.load` runs whatever a file from the network says."""
    (tmp_path / "batch").write_bytes(raw)
    with pytest.raises(DataError, match="batch: .*download the data set again"):
        read_pickle(tmp_path / "batch")


def test_an_idx_file_comes_back(tmp_path: Path) -> None:
    values = numpy.arange(24, dtype=numpy.uint8).reshape(2, 3, 4)
    (tmp_path / "x").write_bytes(struct.pack(">IIII", 2051, 2, 3, 4) + values.tobytes())
    assert numpy.array_equal(read_idx(tmp_path / "x"), values)


@pytest.mark.parametrize("raw", [b"", b"\0\0\x08\x03\0", struct.pack(">II", 2049, 5) + b"1234", struct.pack(">II", 3329, 4) + b"1234"])
def test_an_idx_file_cut_short_or_of_another_type_is_refused(tmp_path: Path, raw: Any) -> None:
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(DataError, match="x: not a whole idx file"):
        read_idx(tmp_path / "x")
    with pytest.raises(DataError, match="gone: cannot be read"):
        read_idx(tmp_path / "gone")
