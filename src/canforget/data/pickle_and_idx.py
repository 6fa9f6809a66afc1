"""Arrays in the old formats of published data sets: CIFAR's pickles, of which only arrays are let in, and MNIST's idx."""

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.errors import DataError


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary of arrays, lists and words that a pickle of CIFAR holds; raises `DataError` when it would run anything else."""
    try:
        with path.open("rb") as file:
            found = ArraysOnly(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, IndexError, KeyError, AttributeError) as problem:
        raise DataError(f"{path}: not a whole pickle of arrays ({problem}); download the data set again") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no dictionary; download the data set again")
    return found


class ArraysOnly(pickle.Unpickler):
    """An unpickler that can build numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The builder that a pickle asks for, when it is one of an array's."""
        if (module.replace("numpy.core", "numpy._core"), name) in BUILDERS:
            return BUILDERS[module.replace("numpy.core", "numpy._core"), name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def empty_array(kind: type, shape: tuple[int, ...], dtype: bytes) -> NDArray[Any]:
    """An array that the pickle fills; stands for numpy's private function."""
    return numpy.ndarray.__new__(numpy.ndarray, shape, dtype.decode() if isinstance(dtype, bytes) else dtype)


def array_type(code: str, align: int = 0, copy: int = 0) -> numpy.dtype[Any]:
    """A dtype; pickles from Python 2 pass numbers for the flags, of which numpy warns."""
    return numpy.dtype(code, align=bool(align), copy=bool(copy))


BUILDERS = {
    ("numpy._core.multiarray", "_reconstruct"): empty_array,
    ("numpy", "ndarray"): numpy.ndarray,
    ("numpy", "dtype"): array_type,
    ("_codecs", "encode"): codecs.encode,
}


def read_idx(path: Path) -> NDArray[numpy.uint8]:
    """The uint8 array of an idx file: two zero bytes, type 8, number of axes, big-endian lengths, values."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path}: cannot be read: {problem.strerror}") from None
    axes = raw[3] if len(raw) > 4 and raw[:3] == b"\0\0\x08" else 0
    shape = numpy.frombuffer(raw[4 : 4 + 4 * axes], dtype=">u4").astype(int) if len(raw) >= 4 + 4 * axes else numpy.empty(0, int)
    if axes == 0 or len(raw) != 4 + 4 * axes + int(shape.prod()):
        raise DataError(f"{path}: not a whole idx file of bytes; download the data set again")
    return numpy.frombuffer(raw, dtype=numpy.uint8, offset=4 + 4 * axes).reshape(shape)
