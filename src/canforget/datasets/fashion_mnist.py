"""Fashion-MNIST: 60,000 + 10,000 grey images of 28 x 28 pixels, ten kinds of clothing."""

from pathlib import Path

import numpy

from canforget.data.dataset import DataSet
from canforget.data.parquet_files import Layout
from canforget.data.pickle_and_idx import read_idx
from canforget.data.torchvision_files import Files, well_known
from canforget.registry import component

FOLDER = "FashionMNIST/raw"
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@component(version=1, paper="Xiao et al. 2017, https://arxiv.org/abs/1708.07747")
def fashion_mnist(*, data_dir: Path | None = None, download: bool = False) -> DataSet:
    """Fashion-MNIST from `data_dir`/fashion_mnist/{train,test}-*.parquet, or torchvision's FashionMNIST/raw, which `download` fetches."""
    files = Files(
        train=(f"{FOLDER}/train-images-idx3-ubyte", f"{FOLDER}/train-labels-idx1-ubyte"),
        test=(f"{FOLDER}/t10k-images-idx3-ubyte", f"{FOLDER}/t10k-labels-idx1-ubyte"),
        others=(),
        image_shape=(1, 28, 28),
        names=lambda folder: CLASSES,
        labels=lambda paths: read_idx(paths[1]).astype(numpy.int64),
        pixels=lambda paths: read_idx(paths[0])[:, None],
        download=fetch,
    )
    return well_known("fashion_mnist", data_dir, files, Layout(), download)


def fetch(folder: Path) -> None:
    """Lets torchvision download both parts and check them."""
    from torchvision.datasets import FashionMNIST

    FashionMNIST(folder, download=True)
