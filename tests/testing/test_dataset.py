"""The contract of data sets holds for every member, and catches what it is there for."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.data.dataset import DataSet, Table, tables_of
from canforget.datasets.digits import digits
from canforget.errors import ContractError, DataError
from canforget.testing.dataset import check_dataset

LABELS = numpy.array([0, 1, 2, 0, 1, 2])
PIXELS = numpy.arange(6 * 16, dtype=numpy.uint8).reshape(6, 1, 4, 4)


def sound() -> Any:
    return DataSet("own", *tables_of(LABELS[:4], LABELS[4:]), ("a", "b", "c"), (1, 4, 4), "f", lambda: (PIXELS[:4], PIXELS[4:]))


def loading(**changes: Any) -> Any:
    def own(*, data_dir: Any = None, size: int = 4) -> Any:
        return replace(sound(), **changes)

    return own


def test_the_digits_and_a_sound_set_of_ones_own_keep_the_contract() -> None:
    check_dataset(digits)
    check_dataset(loading())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": Table(LABELS[:4], numpy.arange(1, 5))}, "its ids must count the training images from 0"),
        ({"test": Table(LABELS[4:], numpy.arange(2))}, "its ids must count the training images from 0"),
        ({"train": Table(LABELS[:4] - 1, numpy.arange(4))}, "its labels must be numbers of its 3 classes"),
        ({"classes": ("a", "b")}, "its labels must be numbers of its 2 classes"),
        ({"classes": ("a", "b", "b")}, "each with a name of its own"),
        ({"pixels": lambda: (PIXELS[:4] / 255, PIXELS[4:])}, "its pixels are float64, not uint8"),
        ({"pixels": lambda: (PIXELS[:3], PIXELS[4:])}, "its tables say (4, 1, 4, 4)"),
        ({"image_shape": (3, 4, 4)}, "its tables say (4, 3, 4, 4)"),
        ({"fingerprint": ""}, "two fingerprints, or none"),
    ],
)
def test_a_broken_data_set_is_told_what_is_wrong(changes: Any, said: Any) -> None:
    """A contract that passes everything."""
    with pytest.raises(ContractError) as broken:
        check_dataset(loading(**changes))
    assert said in str(broken.value)


def random_pixels(*, data_dir: Any = None) -> Any:
    return replace(
        sound(), pixels=lambda: tuple(numpy.random.default_rng().integers(0, 256, (n, 1, 4, 4), dtype=numpy.uint8) for n in (4, 2))
    )


def absent(*, data_dir: Any = None) -> None:
    raise DataError("own: no such folder")


def crashing(*, data_dir: Any = None) -> None:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (random_pixels, "loaded twice, its pixels differ"),
        (absent, "it cannot be loaded: own: no such folder; bind data_dir"),
        (crashing, "it ended with KeyError"),
        (lambda *, data_dir=None: 3, "it returned int, not a DataSet"),
        (lambda folder: 3, "its arguments by place are (folder), not ()"),
        (lambda *, size: 3, "it takes no keyword 'data_dir'"),
    ],
)
def test_a_data_set_that_is_none_is_told_what_is_wrong(dataset: Any, said: Any) -> None:
    with pytest.raises(ContractError) as broken:
        check_dataset(dataset)
    assert said in str(broken.value)
