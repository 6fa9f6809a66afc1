import struct
from pathlib import Path

import numpy

from canforget.datasets.fashion_mnist import fashion_mnist

X = numpy.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=numpy.uint8)


def test_the_raw_files_of_torchvision_are_read(tmp_path: Path) -> None:
    """The same files serve both, so that nobody downloads twice."""
    raw = tmp_path / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    for stem, x, y in (("train", X[:3], [0, 9, 4]), ("t10k", X[3:], [1, 2])):
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, len(x), 28, 28) + x.tobytes())
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, len(y)) + bytes(y))
    data = fashion_mnist(data_dir=tmp_path)
    assert numpy.array_equal(numpy.concatenate(data.pixels())[:, 0], X)
    assert [data.classes[y] for y in data.train.labels] == ["T-shirt/top", "Ankle boot", "Coat"]
    assert data.image_shape == (1, 28, 28)
