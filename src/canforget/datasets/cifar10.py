"""CIFAR-10: 50,000 + 10,000 color photographs of 32 x 32 pixels, ten classes of 6,000."""

from pathlib import Path

import numpy

from canforget.data.dataset import DataSet, Pixels, first_images
from canforget.data.parquet_files import Labels, Layout
from canforget.data.pickle_and_idx import read_pickle
from canforget.data.torchvision_files import Files, well_known
from canforget.hyperparameters import Count
from canforget.registry import component

FOLDER = "cifar-10-batches-py"


@component(version=1, paper="Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf")
def cifar10(
    *, data_dir: Path | None = None, download: bool = False, train_count: Count | None = None, test_count: Count | None = None
) -> DataSet:
    """CIFAR-10 from `data_dir`/cifar10/{train,test}-*.parquet, or from torchvision's cifar-10-batches-py; `download` fetches the latter.

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck. `train_count` and `test_count`
    keep that many of the 50,000 training and the 10,000 test images, the first ones (they lie in no order), for studies of many models.
    """
    files = Files(
        train=tuple(f"{FOLDER}/data_batch_{i}" for i in range(1, 6)),
        test=(f"{FOLDER}/test_batch",),
        others=(f"{FOLDER}/batches.meta",),
        image_shape=(3, 32, 32),
        names=lambda folder: tuple(read_pickle(folder / FOLDER / "batches.meta")["label_names"]),
        labels=labels,
        pixels=pixels,
        download=fetch,
    )
    return first_images(well_known("cifar10", data_dir, files, Layout(), download), train_count, test_count)


def labels(paths: list[Path]) -> Labels:
    """Class numbers of all batches, one after another."""
    return numpy.concatenate([numpy.asarray(read_pickle(p)["labels"], dtype=numpy.int64) for p in paths])


def pixels(paths: list[Path]) -> Pixels:
    """Pixels of all batches: a row is red, then green, then blue."""
    return numpy.concatenate([read_pickle(p)["data"] for p in paths]).reshape(-1, 3, 32, 32)


def fetch(folder: Path) -> None:
    """Lets torchvision download both parts and check them."""
    from torchvision.datasets import CIFAR10

    CIFAR10(folder, download=True)
