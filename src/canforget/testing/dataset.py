"""What every data set keeps, as one function: `check_dataset` loads it twice and names the first promise it breaks."""

from collections.abc import Callable

import numpy

from canforget.data.dataset import DataSet
from canforget.errors import CanforgetError, ContractError
from canforget.testing.promises import require_kept, require_signature


def check_dataset(dataset: Callable[..., DataSet]) -> None:
    """Raises `ContractError` unless `dataset` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take `data_dir` and typed keyword-only hyperparameters; return a `DataSet` whose ids count the training images from 0 and the
    test images after them, whose labels number its classes, whose pixels are uint8 of one shape in the order of the tables; and be the
    same, fingerprint and pixels, when it is loaded again. A data set that is not there (`DataError`) breaks the contract here: bind
    `data_dir`.
    """
    require_signature("dataset", dataset, (), ("data_dir",))
    found, again = loaded_data_set(dataset), loaded_data_set(dataset)
    check_tables(found)
    check_pixels(found)
    same = found.fingerprint == again.fingerprint and bool(found.fingerprint)
    require_kept("dataset", same, "loaded twice, it has two fingerprints, or none; hash what decides pixels and labels")
    alike = all(map(numpy.array_equal, found.pixels(), again.pixels()))
    require_kept("dataset", alike, "loaded twice, its pixels differ; draw nothing at random")


def loaded_data_set(dataset: Callable[..., DataSet]) -> DataSet:
    """The data set; a crash or a refusal breaks the contract."""
    try:
        found = dataset()
    except CanforgetError as refusal:
        raise ContractError(
            f"dataset: it cannot be loaded: {refusal}; bind data_dir, as in check_dataset(functools.partial(f, data_dir=...))"
        ) from None
    except Exception as problem:
        raise ContractError(f"dataset: it ended with {type(problem).__name__}: {problem}") from problem
    require_kept("dataset", isinstance(found, DataSet), f"it returned {type(found).__name__}, not a DataSet")
    return found


def check_tables(found: DataSet) -> None:
    """Ids count on from the training to the test images; labels are numbers of classes, all of which have a name of their own."""
    ids = numpy.concatenate([found.train.ids, found.test.ids])
    counted = numpy.array_equal(ids, numpy.arange(len(ids)))
    require_kept(
        "dataset",
        counted,
        "its ids must count the training images from 0 and the test images after them (canforget.data.dataset.tables_of)",
    )
    labels = numpy.concatenate([found.train.labels, found.test.labels])
    known = bool(len(labels)) and 0 <= int(labels.min()) <= int(labels.max()) < len(found.classes)
    require_kept("dataset", known, f"its labels must be numbers of its {len(found.classes)} classes, from 0")
    named = len(set(found.classes)) == len(found.classes) > 1
    require_kept("dataset", named, "it must have two classes or more, each with a name of its own")


def check_pixels(found: DataSet) -> None:
    """uint8 [n, c, h, w] of the shape that planning was told, as many as the tables have rows."""
    for part, table, pixels in zip(("train", "test"), (found.train, found.test), found.pixels(), strict=True):
        shape = (len(table), *found.image_shape)
        require_kept("dataset", pixels.dtype == numpy.uint8, f"{part}: its pixels are {pixels.dtype}, not uint8 in 0..255")
        require_kept("dataset", pixels.shape == shape, f"{part}: its pixels are {pixels.shape}, and its tables say {shape}")
