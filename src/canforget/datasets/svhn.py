"""SVHN: 73,257 + 26,032 color photographs of house numbers, cropped to 32 x 32 pixels around a digit."""

from pathlib import Path
from typing import Any

import numpy

from canforget.data.dataset import DataSet
from canforget.data.torchvision_files import Files, well_known
from canforget.errors import DataError
from canforget.registry import component


@component(version=1, paper="Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers/nips2011_housenumbers.pdf")
def svhn(*, data_dir: Path | None = None, download: bool = False) -> DataSet:
    """SVHN from the files train_32x32.mat and test_32x32.mat under `data_dir` or `data_dir`/svhn; `download` fetches them by torchvision.

    The files number the digit 0 as class 10; here it is class 0.
    """
    files = Files(
        train=("train_32x32.mat",),
        test=("test_32x32.mat",),
        others=(),
        image_shape=(3, 32, 32),
        names=lambda folder: tuple("0123456789"),
        labels=lambda paths: numpy.asarray(variable(paths[0], "y").ravel(), dtype=numpy.int64) % 10,
        pixels=lambda paths: numpy.ascontiguousarray(variable(paths[0], "X").transpose(3, 2, 0, 1)),
        download=fetch,
    )
    return well_known("svhn", data_dir, files, None, download)


def variable(path: Path, name: str) -> Any:
    """One variable of a MATLAB file."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        return loadmat(path, variable_names=[name])[name]
    except (MatReadError, OSError, ValueError, TypeError, KeyError) as problem:
        raise DataError(f"{path}: not a whole MATLAB file with '{name}' ({problem}); download the data set again") from None


def fetch(folder: Path) -> None:
    """Lets torchvision download both parts and check them."""
    from torchvision.datasets import SVHN

    for part in ("train", "test"):
        SVHN(folder, split=part, download=True)
