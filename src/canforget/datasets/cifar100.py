"""CIFAR-100: 50,000 + 10,000 color photographs of 32 x 32 pixels, a hundred fine classes in twenty coarse ones."""

from pathlib import Path
from typing import Literal

import numpy

from canforget.data.dataset import DataSet, Pixels
from canforget.data.parquet_files import Layout
from canforget.data.pickle_and_idx import read_pickle
from canforget.data.torchvision_files import Files, well_known
from canforget.registry import component

FOLDER = "cifar-100-python"


@component(version=1, paper="Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf")
def cifar100(*, data_dir: Path | None = None, labels: Literal["fine", "coarse"] = "fine", download: bool = False) -> DataSet:
    """CIFAR-100 from `data_dir`/cifar100/{train,test}-*.parquet, or from torchvision's cifar-100-python; `download` fetches the latter.

    `labels`: "fine" (100 classes) or "coarse" (20).
    """
    files = Files(
        train=(f"{FOLDER}/train",),
        test=(f"{FOLDER}/test",),
        others=(f"{FOLDER}/meta",),
        image_shape=(3, 32, 32),
        names=lambda folder: tuple(read_pickle(folder / FOLDER / "meta")[f"{labels}_label_names"]),
        labels=lambda paths: numpy.asarray(read_pickle(paths[0])[f"{labels}_labels"], dtype=numpy.int64),
        pixels=pixels,
        download=fetch,
    )
    columns = ("fine_label", "label") if labels == "fine" else ("coarse_label",)
    return well_known("cifar100", data_dir, files, Layout(labels=columns), download)


def pixels(paths: list[Path]) -> Pixels:
    """Pixels of one part: a row is red, then green, then blue."""
    rows: Pixels = read_pickle(paths[0])["data"]
    return rows.reshape(-1, 3, 32, 32)


def fetch(folder: Path) -> None:
    """Lets torchvision download both parts and check them."""
    from torchvision.datasets import CIFAR100

    CIFAR100(folder, download=True)
