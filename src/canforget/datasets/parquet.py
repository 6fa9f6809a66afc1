"""Any images in the Hugging Face Parquet layout: a column of encoded images and one of class numbers or names."""

from pathlib import Path
from typing import Annotated, Literal

from canforget.data.cache import data_root
from canforget.data.dataset import DataSet
from canforget.data.parquet_files import Layout, distinct, parquet_data_set
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
    names: Annotated[str, FreeText("a column")] | None = None,
    classes: tuple[Annotated[str, FreeText("names of classes")], ...] = (),
    size: Width | None = None,
    channels: Literal[1, 3] | None = None,
    test_fraction: Part = 0.2,
) -> DataSet:
    """The images of the files in `data_dir`/`folder` that match the patterns, read in the order of their names.

    Where no file matches `test_files`, a stratified `test_fraction` of the rows, always the same, is the test set. `size` makes every
    image a square of that side (the largest central part, resized); without it all must be of one size. `channels` makes every image grey
    (1) or color (3); without it all must be alike. Labels are numbers from 0, or words. `classes` names the numbers; without it the
    metadata does, or else they are their own names. `names` is the column of file names, by which `ids` can be asked to forget images;
    without it they are the paths beside the bytes.
    """
    root = data_root("parquet", data_dir) / folder
    if root.is_file():
        raise DataError(f"parquet: folder={folder} is a file; pass its folder, and train_files={root.name}")
    train, test = (matching(root, pattern) for pattern in (train_files, test_files))
    if not train:
        there = sorted(p.name for p in root.glob("*.parquet"))[:3]
        hint = f"pass train_files=, as in train_files={there[0]}" if there else "pass another folder=, train_files= or --data-dir"
        raise DataError(
            f"parquet: no file {root / train_files}; {hint}" + (f" (there are {', '.join(there)}, ...)" if len(there) > 1 else "")
        )
    both = sorted(set(train) & set(test))
    if both:
        raise DataError(f"parquet: {both[0]} matches train_files and test_files; make the patterns disjoint")
    layout = Layout((image,), (label,), size, channels, test_fraction, names, distinct(classes, "parquet: classes"))
    return parquet_data_set("parquet", train, test, layout)


def matching(root: Path, pattern: str) -> list[Path]:
    """The files under `root` that a pattern matches, sorted, hidden ones left out."""
    try:
        return sorted(p for p in root.glob(pattern) if not p.name.startswith(".") and p.is_file())
    except (ValueError, NotImplementedError, OSError) as problem:
        raise DataError(f"parquet: '{pattern}' is no pattern of files in {root} ({problem}); write one as in train-*.parquet") from None
