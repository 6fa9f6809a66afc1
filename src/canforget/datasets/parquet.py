"""Any images in the Hugging Face Parquet layout: a column of encoded images and one of class numbers."""

from pathlib import Path
from typing import Annotated, Literal

from canforget.data.cache import data_root
from canforget.data.dataset import DataSet
from canforget.data.parquet_files import Layout, parquet_data_set
from canforget.errors import DataError
from canforget.hyperparameters import FreeText, Part, Width
from canforget.registry import component


@component(version=1)
def parquet(
    *,
    data_dir: Path | None = None,
    folder: Annotated[str, FreeText("a folder under the data folder")] = ".",
    train_files: Annotated[str, FreeText("a pattern of file names")] = "train-*.parquet",
    test_files: Annotated[str, FreeText("a pattern of file names")] = "test-*.parquet",
    image: Annotated[str, FreeText("a column")] = "image",
    label: Annotated[str, FreeText("a column")] = "label",
    size: Width | None = None,
    channels: Literal[1, 3] | None = None,
    test_fraction: Part = 0.2,
) -> DataSet:
    """The images of the files in `data_dir`/`folder` that match the patterns, read in the order of their names.

    Where no file matches `test_files`, a stratified `test_fraction` of the rows, always the same, is the test set. `size` makes every
    image a square of that side (the largest central part, resized); without it all must be of one size. `channels` makes every image grey
    (1) or color (3); without it all must be alike. Class names come from the metadata, or else are the numbers.
    """
    root = data_root("parquet", data_dir) / folder
    train, test = (sorted(root.glob(pattern)) for pattern in (train_files, test_files))
    if not train:
        raise DataError(f"parquet: no file {root / train_files}; pass another folder=, train_files= or --data-dir")
    both = sorted(set(train) & set(test))
    if both:
        raise DataError(f"parquet: {both[0]} matches train_files and test_files; make the patterns disjoint")
    return parquet_data_set("parquet", train, test, Layout((image,), (label,), size, channels, test_fraction))
